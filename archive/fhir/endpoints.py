"""Where images are given out: the same for every study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import InvalidRequestError
from archive.fhir.registry import Kind, Parameter, Resource, Scene, named
from archive.query.criteria.studies import IMAGES
from archive.query.criteria.types import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archive.query.criteria.types import Criterion, Slice, Token

_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
_ALL = "application/dicom"
# Key and code: address, name, media types.
_ENDPOINTS = {
    IMAGES: ("/dicom-web", "DICOMweb retrieve", [_ALL, "application/dicom+json", "image/jpeg"]),
    "dicom-qido-rs": ("/dicom-web", "DICOMweb search", ["application/dicom+json"]),
    "dicom-stow-rs": ("/dicom-web", "DICOMweb store", [_ALL]),
    "dicom-wado-uri": ("/wado", "WADO-URI", [_ALL, "image/jpeg"]),
}


def endpoint_resource(key: str, site_url: str) -> Resource:
    """Return one way to images as a resource."""
    path, name, types = _ENDPOINTS[key]
    return {
        "resourceType": "Endpoint",
        "id": key,
        "status": "active",
        "connectionType": {"system": _TYPES, "code": key},
        "name": name,
        "payloadType": [{"text": "DICOM"}],
        "payloadMimeType": types,
        "address": f"{site_url}{path}",
    }


def _read(scene: Scene, keys: Sequence[str]) -> list[Resource]:
    return [endpoint_resource(key, scene.site_url) for key in keys if key in _ENDPOINTS]


def _search(scene: Scene, criteria: Sequence[Criterion], wanted: Slice) -> Found[Resource]:
    for criterion in criteria:
        if criterion.name not in {"name", *_FITS}:
            raise InvalidRequestError(f"{criterion.name} can't be asked of endpoints.")
    keys = [key for key in _ENDPOINTS if all(_fits(key, one) for one in criteria)]
    start = keys.index(wanted.after) + 1 if wanted.after in keys else 0
    page = keys[start : start + wanted.count]
    following = page[-1] if page and page[-1] != keys[-1] else ""
    return Found(_read(scene, page), following, len(keys))


def _fits(key: str, criterion: Criterion) -> bool:
    if criterion.modifier == "missing":
        # Each of them says everything.
        return criterion.values == ("false",)
    if criterion.name == "name":
        return any(_is_named(key, text, criterion.modifier) for text in criterion.values)
    is_it = any(_FITS[criterion.name](key, value) for value in criterion.values)
    return is_it is not (criterion.modifier == "not")


def _is_type(key: str, token: Token) -> bool:
    return token.is_of(_TYPES) and token.code == key


def _is_named(key: str, text: str, modifier: str) -> bool:
    name = _ENDPOINTS[key][1]
    if modifier == "exact":
        return name == text
    told, asked = name.casefold(), text.casefold()
    return asked in told if modifier == "contains" else told.startswith(asked)


_FITS: dict[str, Callable[[str, Token], bool]] = {
    "_id": lambda key, token: token.code == key,
    "connection-type": _is_type,
    "status": lambda _key, token: token.code == "active",
}


def _note_read(_scene: Scene, _resource: Resource) -> None:
    """Leave it: it tells of nobody."""


ENDPOINT = Kind(
    name="Endpoint",
    about="Where the images of studies are given out.",
    parameters={
        name: parameter
        for name, parameter in named(
            (
                Parameter(
                    "connection-type", "token", "By which protocol", "Endpoint-connection-type"
                ),
                Parameter("name", "string", "The beginning of its name", "Endpoint-name"),
                Parameter("status", "token", "active", "Endpoint-status"),
            )
        ).items()
        if name != "_lastUpdated"
    },
    read=_read,
    search=_search,
    note_read=_note_read,
    summary=frozenset(
        {"status", "connectionType", "name", "payloadType", "payloadMimeType", "address"}
    ),
    mandatory=frozenset({"status", "connectionType", "payloadType", "address"}),
)
