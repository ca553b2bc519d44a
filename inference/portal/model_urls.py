from django.urls import path

from inference.portal import models

app_name = "models"
urlpatterns = [
    path("models/", models.model_list, name="model-list"),
    path("models/<str:name>/", models.model_page, name="model-page"),
    path("models/<str:name>/<str:version>/", models.model_page, name="model-version"),
    path("models/<str:name>/<str:version>/<slug:act>/", models.model_act, name="model-act"),
]
