from django.urls import include, path
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from archive.api import collections, removals, scheduled_steps, views
from archive.api.endpoints import behind_login
from archive.api.openapi import RequestUserScheme

app_name = "api"
# Importing it registers it with drf-spectacular.
__all__ = ["RequestUserScheme", "app_name", "urlpatterns"]

urlpatterns = [
    path("uploads", views.UploadView.as_view(), name="upload-create"),
    path("studies", views.StudiesView.as_view(), name="study-list"),
    path("studies/<str:study_uid>", views.StudyView.as_view(), name="study-detail"),
    path("collections", collections.CollectionsView.as_view(), name="collection-list"),
    path("collections/<int:pk>", collections.CollectionView.as_view(), name="collection-detail"),
    path(
        "collections/<int:pk>/items",
        collections.CollectionItemsView.as_view(),
        name="collection-items",
    ),
    path(
        "collections/<int:pk>/items/<int:item>",
        collections.CollectionItemView.as_view(),
        name="collection-item",
    ),
    path(
        "collections/<int:pk>/export",
        collections.CollectionExportView.as_view(),
        name="collection-export",
    ),
    path("", include("archive.api.correction_urls")),
    path("", include("archive.api.forwarding_urls")),
    path("", include("archive.api.job_urls")),
    path("", include("archive.api.notices_urls")),
    path("", include("archive.api.research_urls")),
    path("", include("archive.api.sharing_urls")),
    path("", include("archive.api.token_urls")),
    path("", include("archive.api.inbox_urls")),
    path(
        "scheduled-steps", scheduled_steps.ScheduledStepsView.as_view(), name="scheduled-step-list"
    ),
    path(
        "scheduled-steps/<int:step_id>",
        scheduled_steps.ScheduledStepView.as_view(),
        name="scheduled-step-detail",
    ),
    path(
        "scheduled-steps/<int:step_id>/state",
        scheduled_steps.ScheduledStepStateView.as_view(),
        name="scheduled-step-state",
    ),
    path("removals", removals.RemovalsView.as_view(), name="removal-list"),
    path("removals/<int:pk>", removals.RemovalView.as_view(), name="removal-detail"),
    path("removals/<int:pk>/undo", removals.RemovalUndoView.as_view(), name="removal-undo"),
    path("quarantine", views.QuarantineView.as_view(), name="quarantine-list"),
    path(
        "openapi.json",
        behind_login(SpectacularAPIView.as_view(renderer_classes=[OpenApiJsonRenderer])),
        name="openapi",
    ),
    # The split view loads its script from a URL of ours: the CSP allows no inline script.
    path(
        "docs",
        behind_login(SpectacularSwaggerSplitView.as_view(url_name="api:openapi")),
        name="docs",
    ),
]
