from django.urls import path

from archive.api import research

urlpatterns = [
    path(
        "studies/<str:study_uid>/research",
        research.StudyConsentView.as_view(),
        name="study-research",
    ),
    path("reidentifications", research.ReidentificationsView.as_view(), name="reidentifications"),
]
