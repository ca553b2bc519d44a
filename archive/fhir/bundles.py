"""A search's answer: a Bundle with its links, and each resource as far as it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from archive.fhir.answers import outcome, versioned
from archive.fhir.registry import SUBSETTED
from archive.fhir.search_request import AFTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.fhir.registry import Kind, Resource, Scene
    from archive.fhir.search_request import SearchRequest
    from archive.query.criteria.types import Found

_ALWAYS = frozenset({"resourceType", "id", "meta"})


def search_bundle(
    scene: Scene,
    kind: Kind,
    asked: SearchRequest,
    found: Found[Resource],
    more: Sequence[Resource],
    said: Sequence[str],
) -> dict[str, Any]:
    """Return the bundle of a page: results, what comes along, and what is to be said about both."""
    entries = [_entry(scene, subset(versioned(one), kind, asked), "match") for one in found]
    entries += [_entry(scene, versioned(one), "include") for one in more]
    if said:
        issues = [outcome("not-supported", text, severity="warning")["issue"][0] for text in said]
        body = {"resourceType": "OperationOutcome", "id": "remarks", "issue": issues}
        entries.append({"resource": body, "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if found.total is not None and not asked.is_total_left_out:
        bundle["total"] = found.total
    bundle["link"] = _links(scene, kind, asked, found.following)
    if entries:
        bundle["entry"] = entries
    return bundle


def _entry(scene: Scene, resource: Resource, mode: str) -> dict[str, Any]:
    address = f"{scene.fhir_url}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": address, "resource": resource, "search": {"mode": mode}}


def _links(scene: Scene, kind: Kind, asked: SearchRequest, following: str) -> list[dict[str, str]]:
    here = asked.wanted.after
    links = [{"relation": "self", "url": _address(scene, kind, asked, here)}]
    if here:
        links.append({"relation": "first", "url": _address(scene, kind, asked, "")})
    if following:
        links.append({"relation": "next", "url": _address(scene, kind, asked, following)})
    return links


def _address(scene: Scene, kind: Kind, asked: SearchRequest, after: str) -> str:
    pairs = [*asked.used, *([(AFTER, after)] if after else [])]
    query = f"?{urlencode(pairs)}" if pairs else ""
    return f"{scene.fhir_url}/{kind.name}{query}"


def subset(resource: Resource, kind: Kind, asked: SearchRequest) -> Resource:
    """Return what was asked for of a resource, marked where something is left out."""
    if asked.elements:
        return _kept(resource, asked.elements | kind.mandatory)
    if asked.summary == "true":
        return _summarised(_kept(resource, kind.summary | kind.mandatory), kind)
    if asked.summary == "text":
        return _kept(resource, kind.mandatory | {"text"})
    if asked.summary == "data" and "text" in resource:
        return _kept(resource, frozenset(resource) - {"text"})
    return resource


def _summarised(resource: Resource, kind: Kind) -> Resource:
    if kind.summary_leaves_out is None or kind.summary_leaves_out[0] not in resource:
        return resource
    element, part = kind.summary_leaves_out
    parts = [{key: one for key, one in row.items() if key != part} for row in resource[element]]
    return {**resource, element: parts}


def _kept(resource: Resource, names: frozenset[str]) -> Resource:
    kept = {name: value for name, value in resource.items() if name in names | _ALWAYS}
    if "contained" in resource and _refers_inside(kept):
        kept["contained"] = resource["contained"]
    kept["meta"] = {**resource["meta"], "tag": [SUBSETTED]}
    return kept


def _refers_inside(value: Any) -> bool:
    """Whether something refers to what the resource contains (FHIR R4, 2.3.0.2)."""
    if isinstance(value, list):
        return any(map(_refers_inside, value))
    if not isinstance(value, dict):
        return False
    is_here = str(value.get("reference", "")).startswith("#")
    return is_here or any(map(_refers_inside, value.values()))
