from django.urls import path

from archive.api import media, quarantine
from archive.api import upload_batches as views

urlpatterns = [
    path("upload-batches", views.UploadBatchesView.as_view(), name="upload-batches"),
    path("upload-batches/<int:pk>", views.UploadBatchView.as_view(), name="upload-batch"),
    path(
        "upload-batches/<int:pk>/files",
        views.UploadBatchFilesView.as_view(),
        name="upload-batch-files",
    ),
    path(
        "upload-batches/<int:pk>/files/<int:file>",
        views.UploadPieceView.as_view(),
        name="upload-piece",
    ),
    path(
        "upload-batches/<int:pk>/whole",
        views.UploadWholeFilesView.as_view(),
        name="upload-whole-files",
    ),
    path(
        "upload-batches/<int:pk>/submit",
        views.UploadBatchSubmitView.as_view(),
        name="upload-batch-submit",
    ),
    path(
        "upload-batches/<int:pk>/store",
        views.UploadBatchStoreView.as_view(),
        name="upload-batch-store",
    ),
    path(
        "upload-batches/<int:pk>/preview",
        views.UploadBatchPreviewView.as_view(),
        name="upload-batch-preview",
    ),
    path(
        "upload-batches/<int:pk>/report.csv",
        views.UploadBatchReportView.as_view(),
        name="upload-batch-report",
    ),
    path("quarantine/<int:pk>", quarantine.QuarantineEntryView.as_view(), name="quarantine-entry"),
    path(
        "quarantine/<int:pk>/file", quarantine.QuarantineFileView.as_view(), name="quarantine-file"
    ),
    path(
        "quarantine/<int:pk>/retry",
        quarantine.QuarantineRetryView.as_view(),
        name="quarantine-retry",
    ),
    path(
        "quarantine/<int:pk>/discard",
        quarantine.QuarantineDiscardView.as_view(),
        name="quarantine-discard",
    ),
    path("watched-folders", quarantine.WatchedFoldersView.as_view(), name="watched-folder-list"),
    path("watched-folders/<int:pk>", quarantine.WatchedFolderView.as_view(), name="watched-folder"),
    path("media", media.MediaView.as_view(), name="media"),
]
