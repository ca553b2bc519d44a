from django.urls import path

from archive.portal import audit_trail, emergencies, shared_pages, sharing

urlpatterns = [
    path("studies/<portal_uid:study_uid>/sharing/", sharing.study_sharing, name="study-sharing"),
    path("collections/<int:pk>/sharing/", sharing.collection_sharing, name="collection-sharing"),
    path("shares/", sharing.share_list, name="share-list"),
    path("grants/<int:pk>/revoke/", sharing.grant_revoke, name="grant-revoke"),
    path("links/<int:pk>/revoke/", sharing.link_revoke, name="link-revoke"),
    path("s/<str:secret>/", shared_pages.enter, name="link-enter"),
    path("shared/<int:pk>/", shared_pages.shared, name="shared"),
    path(
        "shared/<int:pk>/<portal_uid:study_uid>/<portal_uid:series_uid>/",
        shared_pages.shared_series,
        name="shared-series",
    ),
    path(
        "shared/<int:pk>/<portal_uid:study_uid>/<portal_uid:series_uid>/<int:number>.jpg",
        shared_pages.shared_picture,
        name="shared-picture",
    ),
    path(
        "shared/<int:pk>/<portal_uid:study_uid>/download/",
        shared_pages.shared_download,
        name="shared-download",
    ),
    path("emergencies/", emergencies.emergency_page, name="emergency-list"),
    path("emergencies/<int:pk>/end/", emergencies.emergency_end, name="emergency-end"),
    path("emergencies/<int:pk>/review/", emergencies.emergency_review, name="emergency-review"),
    path("audit/", audit_trail.audit_page, name="audit"),
    path("audit/export/<str:form>/", audit_trail.audit_export, name="audit-export"),
]
