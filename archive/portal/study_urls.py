from django.urls import path

from archive.portal import (
    overlays,
    studies,
    study_downloads,
    study_history,
    study_reports,
    study_tags,
)

urlpatterns = [
    path("", studies.study_detail, name="study-detail"),
    path("panels/<slug:name>/", studies.study_panel, name="study-panel"),
    path("tags/", study_tags.study_tags, name="study-tags"),
    path("history/", study_history.history, name="study-history"),
    path("download/", study_downloads.choices, name="study-download"),
    path("download/dicom/", study_downloads.dicom, name="study-download-dicom"),
    path("download/anonymised/", study_downloads.anonymised, name="study-download-anonymised"),
    path(
        "series/<portal_uid:series_uid>/pictures.zip",
        study_downloads.pictures,
        name="series-pictures",
    ),
    path(
        "series/<portal_uid:series_uid>/volume.nii.gz",
        study_downloads.volume,
        name="series-volume",
    ),
    path(
        "series/<portal_uid:series_uid>/overlays/",
        overlays.series_overlays,
        name="series-overlays",
    ),
    path(
        "series/<portal_uid:series_uid>/overlays/<portal_uid:instance_uid>/",
        overlays.series_overlay,
        name="series-overlay",
    ),
    path(
        "series/<portal_uid:series_uid>/report/", study_reports.series_report, name="series-report"
    ),
    path(
        "series/<portal_uid:series_uid>/report/<portal_uid:instance_uid>/pages/<int:page>.png",
        study_reports.report_page,
        name="report-page",
    ),
    path("series/<portal_uid:series_uid>/on-images/", overlays.on_images, name="series-on-images"),
    path("series/<portal_uid:series_uid>/", studies.series_view, name="series-view"),
]
