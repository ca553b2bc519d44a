"""SMART's scopes (``system/ImagingStudy.rs``): which resources a token may read and change.

They open the doors of FHIR and DICOMweb (SMART Imaging Access: one token for both), never more
than the token's account may; REST has scopes of its own (`archive.access.scopes`).

References
----------
HL7 SMART App Launch 2.2, Scopes; SMART Backend Services
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

PLAIN = ("read", "write", "admin", "metrics")
RESOURCES = (
    "AuditEvent",
    "DiagnosticReport",
    "Endpoint",
    "ImagingStudy",
    "Observation",
    "Patient",
)
# By the letter of an act: create, read, update, delete, search.
_OLD_SUFFIXES = {"read": "rs", "write": "cud", "*": "cruds"}
_WORKITEMS = "/dicom-web/workitems"
_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)", re.ASCII)


def is_known_scope(scope: str) -> bool:
    """Whether a scope is one of ours: a plain one, or SMART's for a resource that there is."""
    if scope in PLAIN:
        return True
    parsed = _parse(scope)
    return parsed is not None and (parsed[0] == "*" or parsed[0] in RESOURCES)


def allows(scopes: Collection[str], resource: str, act: str) -> bool:
    """Whether SMART's scopes allow an act on a resource.

    Parameters
    ----------
    resource
        such as ``ImagingStudy``
    act
        ``c``, ``r``, ``u``, ``d`` or ``s`` (search)
    """
    for scope in scopes:
        parsed = _parse(scope)
        if parsed is not None and parsed[0] in {"*", resource} and act in parsed[1]:
            return True
    return False


def covers(allowed: Collection[str], asked: str) -> bool:
    """Whether a scope that is asked for lies within those that a client may have."""
    if asked in allowed:
        return True
    parsed = _parse(asked)
    if parsed is None:
        return False
    resource, letters = parsed
    if resource == "*":
        return all(_covers_resource(allowed, one, letters) for one in ("*", *RESOURCES))
    return _covers_resource(allowed, resource, letters)


def _covers_resource(allowed: Collection[str], resource: str, letters: str) -> bool:
    return all(allows(allowed, resource, letter) for letter in letters)


def opens_door(scopes: Collection[str], path: str, needed: str) -> bool:
    """Whether SMART's scopes are enough for a request that wants a plain scope.

    The FHIR door itself looks at the resource; here it is enough that there is any.
    """
    if path.startswith("/fhir/"):
        return needed in {"read", "write"} and any(_parse(scope) for scope in scopes)
    if path.startswith(("/dicom-web/", "/wado")):
        wanted = {"read": "r", "write": "c"}.get(needed, "")
        # No resource of ours is a procedure step: those are opened by all or by nothing.
        resource = "*" if path.startswith(_WORKITEMS) else "ImagingStudy"
        return bool(wanted) and allows(scopes, resource, wanted)
    return False


def _parse(scope: str) -> tuple[str, str] | None:
    found = _SCOPE.fullmatch(scope)
    if found is None or not found[2]:
        return None
    return found[1], _OLD_SUFFIXES.get(found[2], found[2])
