from django.urls import path

from archive.fhir import views
from archive.fhir.registry import kinds

app_name = "fhir"

_SEARCHES = [
    path(kind.name, views.search, {"kind": kind}, name=f"{kind.name}-search")
    for kind in kinds.values()
]
_FORMS = [
    path(f"{kind.name}/_search", views.search_by_form, {"kind": kind}, name=f"{kind.name}-form")
    for kind in kinds.values()
]
_READS = [
    path(f"{kind.name}/<str:{kind.key_name}>", views.resource, {"kind": kind}, name=kind.name)
    for kind in kinds.values()
]
_VERSIONS = [
    path(
        f"{kind.name}/<str:{kind.key_name}>/_history/<str:version>",
        views.resource,
        {"kind": kind},
        name=f"{kind.name}-version",
    )
    for kind in kinds.values()
]
_OF_PATIENTS = [
    path(
        f"Patient/<str:key>/{kind.name}",
        views.compartment,
        {"kind": kind},
        name=f"patient-{kind.name}",
    )
    for kind in kinds.values()
    if "patient" in kind.parameters
]

urlpatterns = [
    path("", views.root, name="root"),
    path("metadata", views.metadata, name="metadata"),
    *_SEARCHES,
    *_FORMS,
    *_READS,
    *_VERSIONS,
    *_OF_PATIENTS,
    path("<path:rest>", views.unknown, name="unknown"),
]
