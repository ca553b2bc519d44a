from django.urls import path

from inference.portal import agreement, labelling, reviews

app_name = "worklist"
urlpatterns = [
    path("review/", reviews.review_list, name="review-list"),
    path("review/<int:run_id>/", reviews.review_detail, name="review-detail"),
    path("review/<int:run_id>/decide/", reviews.review_decide, name="review-decide"),
    path("agreement/", agreement.agreement_page, name="agreement"),
    path("labelling/", labelling.labelling_page, name="labelling"),
    path("labels/add/", labelling.label_add, name="label-add"),
    path("labels/<int:label_id>/remove/", labelling.label_remove, name="label-remove"),
    path(
        "labels/<portal_uid:study_uid>/<portal_uid:series_uid>/",
        labelling.label_series,
        name="label-series",
    ),
]
