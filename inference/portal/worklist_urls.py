from django.urls import path

from inference.portal import reviews

app_name = "worklist"
urlpatterns = [
    path("review/", reviews.review_list, name="review-list"),
    path("review/<int:run_id>/", reviews.review_detail, name="review-detail"),
    path("review/<int:run_id>/decide/", reviews.review_decide, name="review-decide"),
]
