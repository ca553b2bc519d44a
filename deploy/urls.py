"""Every path of DESIGN section 3, composed."""

from django.contrib import admin
from django.urls import include, path

from archive.api.views import NothingHereView
from archive.dicomweb.views import wado
from archive.portal.sign_in import to_sign_in
from deploy.health import healthz, readyz
from deploy.metrics.views import metrics

handler500 = "archive.portal.failures.failed"

urlpatterns = [
    # First what is asked for hundreds of times a second.
    path("dicom-web/", include("archive.dicomweb.urls")),
    path("dicom-web/", include("inference.api.workitem_urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    # One way in for everybody: with second step and lock-out.
    path("admin/login/", to_sign_in, name="admin-sign-in"),
    path("admin/", admin.site.urls),
    path("", include("archive.api.oauth_urls")),
    path("wado", wado, name="wado"),
    # After the configuration of SMART, which lies below it.
    path("fhir/R4/", include("archive.fhir.urls")),
    path("api/v1/", include("archive.api.urls")),
    path("api/v1/", include("inference.api.urls")),
    path("api/<path:rest>", NothingHereView.as_view()),
    path("similar/", include("inference.portal.urls")),
    path("", include("inference.portal.run_urls")),
    path("", include("inference.portal.model_urls")),
    path("", include("archive.portal.urls")),
    path("", include("archive.portal.sign_in_urls")),
    # After the portal's, whose path converters they use.
    path("", include("inference.portal.training_urls")),
    path("worklist/", include("inference.portal.worklist_urls")),
]
