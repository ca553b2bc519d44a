"""What comes along with the results of a search: what they refer to, and what refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.errors import InvalidRequestError
from archive.fhir.registry import kinds
from archive.query.criteria.types import Criterion, Reference, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from archive.fhir.registry import Kind, Parameter, Resource, Scene
    from archive.fhir.search_request import SearchRequest

# What comes along with one page at most.
MAX_INCLUDED = 1000


def included(
    scene: Scene,
    kind: Kind,
    asked: SearchRequest,
    found: list[Resource],
    is_allowed: Callable[[str], bool],
) -> tuple[list[Resource], list[str]]:
    """Return what comes along, each once, and what is to be said about what does not.

    Parameters
    ----------
    scene
        whose rights hold
    kind
        of the results
    asked
        the search
    found
        its results
    is_allowed
        whether the asker's token may have resources of a kind

    Raises
    ------
    InvalidRequestError
        There is no such parameter to include by.
    """
    forward = [_forward(kind, name) for name in asked.includes]
    backward = [_backward(kind, name) for name in asked.revincludes]
    more: dict[tuple[str, str], Resource] = {}
    said: list[str] = []
    for parameter, target in forward:
        everything = (one for resource in found for one in references_of(resource, parameter))
        references = {one for one in everything if one[0] == target}
        if not is_allowed(target):
            said.append(f"This token's scopes leave out resources of {target}.")
            continue
        known = {(one["resourceType"], one["id"]) for one in found}
        missing = sorted(key for name, key in references - known - more.keys())
        if missing:
            more |= _keyed(kinds[target].read(scene, missing))
    for other, parameter in backward:
        if not is_allowed(other.name):
            said.append(f"This token's scopes leave out resources of {other.name}.")
            continue
        references_to = tuple(Reference(kind.name, resource["id"]) for resource in found)
        if references_to:
            criterion = Criterion(parameter.name, references_to)
            page = other.search(scene, (criterion,), Slice(count=MAX_INCLUDED))
            more |= _keyed(page.rows)
            if page.following:
                said.append(f"Not all resources of {other.name} are here: search for them.")
    return list(more.values()), said


def references_of(resource: Resource, parameter: Parameter) -> Iterator[tuple[str, str]]:
    """Give kind and key of what a parameter's path in a resource refers to."""
    for value in _at(resource, parameter.path.split(".")):
        kind, slash, key = str(value.get("reference", "")).partition("/")
        if slash and kind in kinds:
            yield kind, key


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _keyed(resources: Iterable[Resource]) -> dict[tuple[str, str], Resource]:
    return {(one["resourceType"], one["id"]): one for one in resources}


def _forward(kind: Kind, name: str) -> tuple[Parameter, str]:
    source, _, rest = name.partition(":")
    path, _, wanted = rest.partition(":")
    parameter = kind.parameters.get(path)
    if source != kind.name or parameter is None or not parameter.path:
        allowed = ", ".join(kind.includes) or "nothing"
        raise InvalidRequestError(f"_include can name {allowed} here.")
    targets = [one for one in parameter.targets if one in kinds and wanted in {"", one}]
    if not targets:
        raise InvalidRequestError(f"{source}:{path} refers to {', '.join(parameter.targets)}.")
    return parameter, targets[0]


def _backward(kind: Kind, name: str) -> tuple[Kind, Parameter]:
    source, _, rest = name.partition(":")
    other, path = kinds.get(source), rest.partition(":")[0]
    parameter = other.parameters.get(path) if other else None
    if other is None or parameter is None or f"{other.name}:{path}" not in revincludes(kind):
        allowed = ", ".join(revincludes(kind)) or "nothing"
        raise InvalidRequestError(f"_revinclude can name {allowed} here.")
    return other, parameter


def revincludes(kind: Kind) -> list[str]:
    """Return what ``_revinclude`` may name: parameters of others that refer to this kind.

    The trail is none of them: whoever reads it asks for it by its name, and is on record so.
    """
    return [
        f"{other.name}:{parameter.name}"
        for other in kinds.values()
        for parameter in other.parameters.values()
        if kind.name in parameter.targets and other.name != "AuditEvent"
    ]
