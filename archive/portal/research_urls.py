from django.urls import path

from archive.portal import research

urlpatterns = [
    path(
        "studies/<portal_uid:study_uid>/research/", research.study_research, name="study-research"
    ),
    path("manage/research/", research.research, name="research"),
]
