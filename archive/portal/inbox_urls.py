from django.urls import path

from archive.portal import folders, inbox, media, quarantine

urlpatterns = [
    path("upload/", inbox.upload, name="upload"),
    path("upload/<int:pk>/", inbox.upload_detail, name="upload-detail"),
    path("upload/<int:pk>/<slug:act>/", inbox.upload_act, name="upload-act"),
    path("quarantine/", quarantine.quarantine_list, name="quarantine-list"),
    path("quarantine/report.csv", quarantine.quarantine_report, name="quarantine-report"),
    path("quarantine/<int:pk>/", quarantine.quarantine_entry, name="quarantine-entry"),
    path("quarantine/<int:pk>/file/", quarantine.quarantine_file, name="quarantine-file"),
    path("quarantine/<int:pk>/<slug:act>/", quarantine.quarantine_act, name="quarantine-act"),
    path("folders/", folders.folder_list, name="folder-list"),
    path("folders/<int:pk>/<slug:act>/", folders.folder_act, name="folder-act"),
    path("media/", media.medium, name="medium"),
]
