from django.urls import path

from archive.api import sharing

urlpatterns = [
    path("studies/<str:study_uid>/grants", sharing.StudyGrantsView.as_view(), name="study-grants"),
    path("grants/<int:pk>", sharing.GrantView.as_view(), name="grant"),
    path("links", sharing.LinksView.as_view(), name="link-list"),
    path("links/<int:pk>", sharing.LinkView.as_view(), name="link"),
    path("emergencies", sharing.EmergenciesView.as_view(), name="emergency-list"),
    path("emergencies/<int:pk>", sharing.EmergencyView.as_view(), name="emergency"),
    path("audit", sharing.AuditView.as_view(), name="audit"),
]
