from django.urls import path

from archive.portal import notices

urlpatterns = [
    path("notices/", notices.notice_list, name="notice-list"),
    path("notices/bell/", notices.notice_bell, name="notice-bell"),
    path("notices/settings/", notices.notice_settings, name="notice-settings"),
    path("notices/read/", notices.notice_read, name="notice-read-all"),
    path("notices/<int:pk>/read/", notices.notice_read, name="notice-read"),
    path("studies/<portal_uid:study_uid>/follow/", notices.follow, name="study-follow"),
]
