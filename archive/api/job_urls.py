from django.urls import path

from archive.api import jobs

urlpatterns = [
    path("acts", jobs.ActsView.as_view(), name="act-list"),
    path("jobs", jobs.JobsView.as_view(), name="job-list"),
    path("jobs/<int:pk>", jobs.JobView.as_view(), name="job-detail"),
    path("jobs/<int:pk>/items", jobs.JobItemsView.as_view(), name="job-items"),
    path("jobs/<int:pk>/file", jobs.JobFileView.as_view(), name="job-file"),
]
