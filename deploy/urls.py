"""Every path of DESIGN section 3, composed."""

from django.contrib import admin
from django.urls import include, path

from archive.dicomweb.views import wado
from deploy.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("dicom-web/", include("archive.dicomweb.urls")),
    path("dicom-web/", include("inference.api.workitem_urls")),
    path("wado", wado, name="wado"),
    path("api/v1/", include("archive.api.urls")),
    path("api/v1/", include("inference.api.urls")),
    path("similar/", include("inference.portal.urls")),
    path("", include("inference.portal.run_urls")),
    path("", include("inference.portal.model_urls")),
    path("", include("archive.portal.urls")),
    # After the portal's, whose path converters they use.
    path("", include("inference.portal.training_urls")),
    path("worklist/", include("inference.portal.worklist_urls")),
]
