"""What the service offers, as data: asked for by OPTIONS, printed in the conformance statement.

Rooms above add their resources when they start; tests compare the table with the URLs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from archive.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    JSON,
    MULTIPART,
    OCTET_STREAM,
)
from archive.dicomweb.parsers import PICTURE_TYPES
from archive.query.attributes import ATTRIBUTES
from archive.query.types import Kind, Level
from archive.retrieve.documents import HTML, PDF, PLAIN, XML

if TYPE_CHECKING:
    from collections.abc import Iterable

STUDY = "studies/{study}"
SERIES = f"{STUDY}/series/{{series}}"
INSTANCE = f"{SERIES}/instances/{{instance}}"
FRAMES = f"{INSTANCE}/frames/{{numbers}}"
SEARCH_PARAMETERS = (
    "limit",
    "offset",
    "includefield",
    "fuzzymatching",
    "emptyvaluematching",
    "multiplevaluematching",
    "orderby",
    "totalcount",
    "includerejected",
)
PICTURE_PARAMETERS = ("window", "viewport", "quality", "annotation", "iccprofile")


def related(inner: str) -> str:
    """Return a multipart media type as it is written."""
    return f'{MULTIPART}; type="{inner}"'


@dataclass(frozen=True)
class Operation:
    """One method of a resource: what it takes, what it gives, how it can end."""

    method: str
    name: str
    statuses: tuple[int, ...]
    produces: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    is_extension: bool = False


@dataclass(frozen=True)
class Resource:
    """A path below the service's root, with names in braces, and its operations."""

    path: str
    operations: tuple[Operation, ...]


_added: list[Resource] = []


def register_resources(resources: Iterable[Resource]) -> None:
    """Add resources of rooms above to what is told of the service; twice is once."""
    _added.extend(one for one in resources if one not in _added)


def all_resources() -> tuple[Resource, ...]:
    """Return every resource, in the order in which they are told."""
    return (*_own_resources(), *_added)


def resources_under(path: str) -> tuple[Resource, ...]:
    """Return the resource at a path and those below it; all for the root."""
    return tuple(
        one
        for one in all_resources()
        if not path or one.path == path or one.path.startswith(f"{path}/")
    )


def search_keys(level: Level) -> tuple[str, ...]:
    """Return the keywords by which the level is searched, those of levels above with them."""
    return tuple(
        attribute.keyword
        for attribute in ATTRIBUTES.values()
        if attribute.level <= level and attribute.kind is not Kind.CONSTANT
    )


@cache
def _own_resources() -> tuple[Resource, ...]:
    study, series, instance = Level.STUDY, Level.SERIES, Level.INSTANCE
    delete = Operation("DELETE", "Delete", (204, 403, 404, 410), (), (), ("reason",), True)  # noqa: FBT003 is_extension
    files = _retrieve("RetrieveInstances", (related(DICOM),))
    file = _retrieve("RetrieveInstance", (related(DICOM), DICOM))
    return (
        Resource("studies", (_search(study), _store())),
        Resource("series", (_search(series),)),
        Resource("instances", (_search(instance),)),
        Resource(f"{STUDY}/series", (_search(series),)),
        Resource(f"{STUDY}/instances", (_search(instance),)),
        Resource(f"{SERIES}/instances", (_search(instance),)),
        Resource(STUDY, (files, _store(), delete)),
        Resource(SERIES, (files, delete)),
        Resource(INSTANCE, (file, delete)),
        Resource(FRAMES, (_retrieve("RetrieveFrames", _frame_types()),)),
        *(Resource(f"{path}/metadata", (_metadata(),)) for path in (STUDY, SERIES, INSTANCE)),
        *(
            Resource(f"{path}/{what}", (_picture(what, has_videos=path == INSTANCE),))
            for path in (STUDY, SERIES, INSTANCE, FRAMES)
            for what in ("rendered", "thumbnail")
        ),
        *(
            Resource(f"{path}/{what}", (_retrieve(name, _bulk_types()),))
            for path in (STUDY, SERIES, INSTANCE)
            for what, name in (("bulkdata", "RetrieveBulkdata"), ("pixeldata", "RetrievePixelData"))
        ),
        Resource(
            f"{INSTANCE}/bulkdata/{{path}}",
            (
                _retrieve(
                    "RetrieveBulkdata", (*_bulk_types(), *_video_types()), (200, 206, 304, 416)
                ),
            ),
        ),
    )


def _search(level: Level) -> Operation:
    names = {Level.STUDY: "Studies", Level.SERIES: "Series", Level.INSTANCE: "Instances"}
    return Operation(
        "GET",
        f"SearchFor{names[level]}",
        (200, 204, 400, 406, 413),
        (DICOM_JSON, JSON, related(DICOM_XML)),
        parameters=(*SEARCH_PARAMETERS, *search_keys(level)),
    )


def _store() -> Operation:
    return Operation(
        "POST",
        "StoreInstances",
        (200, 202, 400, 403, 406, 409, 413, 415, 503, 507),
        (DICOM_JSON, JSON, DICOM_XML),
        (related(DICOM), related(DICOM_JSON), related(DICOM_XML), DICOM, DICOM_JSON, DICOM_XML),
    )


def _retrieve(
    name: str, produces: tuple[str, ...], more: tuple[int, ...] = (200, 206, 304)
) -> Operation:
    return Operation("GET", name, (*more, 400, 404, 406, 410), produces, parameters=("accept",))


def _metadata() -> Operation:
    return Operation(
        "GET",
        "RetrieveMetadata",
        (200, 304, 400, 404, 406, 410),
        (DICOM_JSON, JSON, related(DICOM_XML)),
        parameters=("accept",),
    )


def _picture(what: str, *, has_videos: bool) -> Operation:
    return Operation(
        "GET",
        "RetrieveRendered" if what == "rendered" else "RetrieveThumbnail",
        (200, 304, 400, 404, 406, 410),
        (
            *PICTURE_TYPES,
            *(related(name) for name in PICTURE_TYPES),
            *((HTML, PLAIN, XML, PDF) if what == "rendered" else ()),
            *(_video_types() if what == "rendered" and has_videos else ()),
        ),
        parameters=("accept", *PICTURE_PARAMETERS),
    )


def _bulk_types() -> tuple[str, ...]:
    return (related(OCTET_STREAM), OCTET_STREAM)


def _video_types() -> tuple[str, ...]:
    kinds = ("video/mp4", "video/mpeg")
    return (*kinds, *(related(kind) for kind in kinds))


def _frame_types() -> tuple[str, ...]:
    kinds = ("jpeg", "jls", "jp2", "jphc", "dicom-rle")
    return (*_bulk_types(), *(related(f"image/{kind}") for kind in kinds))
