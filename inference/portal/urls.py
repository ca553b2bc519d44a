from django.urls import path

from inference.portal import views

app_name = "similarity"
urlpatterns = [
    path("", views.similar_page, name="similar-page"),
    path("picture/", views.similar_to_picture, name="similar-to-picture"),
]
