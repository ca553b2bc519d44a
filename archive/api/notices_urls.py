from django.urls import path

from archive.api import notices

urlpatterns = [
    path("notices", notices.NoticesView.as_view(), name="notice-list"),
    path("notices/read", notices.NoticesReadView.as_view(), name="notice-read"),
    path("notices/choices", notices.NoticeChoicesView.as_view(), name="notice-choices"),
    path("studies/<str:study_uid>/follow", notices.FollowView.as_view(), name="study-follow"),
]
