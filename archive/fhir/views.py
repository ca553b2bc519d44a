"""Reading and searching resources (FHIR R4, RESTful API)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseNotModified, QueryDict
from django.urls import reverse
from django.utils.http import http_date

from archive.access.middleware import asker_of
from archive.access.scopes import requires_scope
from archive.accounts.profiles import public_address
from archive.audit.resources import record_resource_search
from archive.errors import GoneError, InvalidRequestError, NotVisibleError
from archive.fhir.answers import (
    datetime_of,
    fhir_view,
    has_already,
    is_pretty,
    is_strict,
    json_answer,
    versioned,
)
from archive.fhir.bundles import search_bundle, subset
from archive.fhir.capabilities import capability_statement
from archive.fhir.includes import included
from archive.fhir.parameters import is_key, kinds_asked, resolved
from archive.fhir.registry import Kind, Scene, kinds
from archive.fhir.scopes import READ, SEARCH, is_allowed, require_allowed
from archive.fhir.search_request import parse_search

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from archive.fhir.registry import Resource

_FORM = "application/x-www-form-urlencoded"
_REQUEST = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_SUBSETS = ("_summary", "_elements")


def scene_of(request: HttpRequest) -> Scene:
    """Return who asks, and the addresses of this archive as they know it."""
    root = public_address(request.build_absolute_uri(reverse("fhir:root")))
    site = public_address(request.build_absolute_uri("/"))
    named = request.META.get("HTTP_X_REQUEST_ID", "")
    return Scene(
        asker=asker_of(request),
        user=request.user,
        fhir_url=root.rstrip("/"),
        site_url=site.rstrip("/"),
        request_id=named if _REQUEST.fullmatch(named) else "",
    )


@login_not_required
@fhir_view("GET")
def metadata(request: HttpRequest) -> HttpResponse:
    """Say what can be asked here (CapabilityStatement)."""
    response = json_answer(capability_statement(scene_of(request)), is_pretty=is_pretty(request))
    response["Cache-Control"] = "public, max-age=300"
    return response


@requires_scope("read")
@fhir_view()
def root(request: HttpRequest) -> HttpResponse:
    """Refuse what would be about all kinds at once: batches, and searches of everything."""
    raise NotVisibleError(f"{request.path} is no resource.")


@requires_scope("read")
@fhir_view("GET", "POST")
def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """Say that there is nothing."""
    raise NotVisibleError(f"There is no {rest[:64]!r} here.")


@requires_scope("read")
@fhir_view("GET")
def resource(request: HttpRequest, kind: Kind, **path: str) -> HttpResponse:
    """Give one resource, or say that the asker has this version."""
    require_allowed(request, kind.name, READ)
    key = path[kind.key_name]
    scene = scene_of(request)
    found = versioned(_find(scene, kind, key))
    asked_version = path.get("version")
    if asked_version is not None and asked_version != found["meta"]["versionId"]:
        raise NotVisibleError("Former versions are not kept.")
    kind.note_read(scene, found)
    if has_already(request.headers, found["meta"]):
        return _tagged(HttpResponseNotModified(), found)
    if any(name in request.GET for name in _SUBSETS):
        query = QueryDict(mutable=True)
        query.update({name: request.GET[name] for name in _SUBSETS if name in request.GET})
        asked = parse_search(kind, query, fhir_url=scene.fhir_url, is_strict=True)
        found = subset(found, kind, asked)
    return _tagged(json_answer(found, is_pretty=is_pretty(request)), found)


def _find(scene: Scene, kind: Kind, key: str) -> Resource:
    found = kind.read(scene, [key]) if is_key(key) else []
    if found:
        return found[0]
    if kind.is_gone(scene, key):
        raise GoneError("It was deleted.")
    raise NotVisibleError(f"There is no such {kind.name}.")


def _tagged(response: HttpResponse, found: Resource) -> HttpResponse:
    response["ETag"] = f'W/"{found["meta"]["versionId"]}"'
    if "lastUpdated" in found["meta"]:
        response["Last-Modified"] = http_date(datetime_of(found["meta"]).timestamp())
    return response


@requires_scope("read")
@fhir_view("GET")
def search(request: HttpRequest, kind: Kind) -> HttpResponse:
    """Search by the address."""
    return _search(request, kind, request.GET)


@requires_scope("read")
@fhir_view("POST")
def search_by_form(request: HttpRequest, kind: Kind) -> HttpResponse:
    """Search by a form, so that names and numbers of patients stand in no address."""
    if request.content_type != _FORM:
        message = f"A search is sent as {_FORM}."
        raise InvalidRequestError(message, code="unsupported-media-type")
    parameters = request.GET.copy()
    parameters.update(request.POST)
    return _search(request, kind, parameters)


@requires_scope("read")
@fhir_view("GET")
def compartment(request: HttpRequest, kind: Kind, key: str) -> HttpResponse:
    """Search within what is known of one patient."""
    require_allowed(request, "Patient", READ)
    scene = scene_of(request)
    _find(scene, kinds["Patient"], key)
    parameters = request.GET.copy()
    parameters.appendlist("patient", f"Patient/{key}")
    return _search(request, kind, parameters)


def _search(request: HttpRequest, kind: Kind, parameters: QueryDict) -> HttpResponse:
    require_allowed(request, kind.name, SEARCH)
    scene = scene_of(request)
    asked = parse_search(kind, parameters, fhir_url=scene.fhir_url, is_strict=is_strict(request))
    # What is found by what other resources say tells of these.
    for other in sorted({name for one in asked.criteria for name in kinds_asked(one)}):
        require_allowed(request, other, SEARCH)
    criteria = [resolved(scene, one) for one in asked.criteria]
    found = kind.search(scene, criteria, asked.wanted)
    more, said = included(
        scene, kind, asked, found.rows, lambda name: is_allowed(request, name, READ)
    )
    everything = [*found.rows, *more]
    record_resource_search(
        scene.asker,
        kind=kind.name,
        keys=sorted({name for name, _value in asked.used}),
        results=len(everything),
        patients=_patients(everything),
        request=scene.request_id,
    )
    bundle = search_bundle(scene, kind, asked, found, more, [*asked.ignored, *said])
    return json_answer(bundle, is_pretty=is_pretty(request))


def _patients(resources: Iterable[dict[str, Any]]) -> set[int]:
    """Return the keys of those whom resources are about."""
    found = set()
    for one in resources:
        about = str(one.get("subject", {}).get("reference", ""))
        own = f"Patient/{one['id']}" if one["resourceType"] == "Patient" else about
        kind, _, key = own.partition("/")
        if kind == "Patient" and key.isdigit():
            found.add(int(key))
    return found
