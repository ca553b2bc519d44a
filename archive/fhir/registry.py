"""Which resources there are: a table that rooms above the archive fill, too, at the start."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from archive.query.criteria.types import Criterion, Found, Slice

Resource = dict[str, Any]
_DEFINITIONS = "http://hl7.org/fhir/SearchParameter/"


SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}


@dataclass(frozen=True)
class Parameter:
    """A search parameter: its type decides how values are read.

    ``path`` is where a resource holds what a reference parameter refers to (dotted), for
    ``_include``; ``targets`` are the kinds that it may refer to; ``id_type`` is the type of its
    identifiers (v2 table 0203), for ``:of-type``. What ``is_chained`` is followed to
    what it refers to. A parameter without a ``definition`` of the standard's is our own.
    """

    name: str
    kind: str
    about: str
    definition: str = ""
    modifiers: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()
    path: str = ""
    is_chained: bool = False
    id_type: str = ""

    @property
    def address(self) -> str:
        """The canonical address of its definition; empty for our own."""
        return _DEFINITIONS + self.definition if self.definition else ""


@dataclass(frozen=True)
class Scene:
    """Who asks, and where this archive is: addresses without a slash at their end.

    ``request_id`` is what the asker calls their request, for the trails of both (IHE BALP).
    """

    asker: Asker
    user: AnyUser
    fhir_url: str
    site_url: str
    request_id: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of resource.

    ``read`` is given keys and answers those resources that the asker may see; ``search`` answers
    a part of what fits. ``note_read`` puts a read on record, before the answer leaves. ``orders``
    are what results can be sorted by, ``summary`` and ``mandatory`` the elements that stay where a
    summary, or single elements, are asked for.
    """

    name: str
    about: str
    parameters: Mapping[str, Parameter]
    read: Callable[[Scene, Sequence[str]], list[Resource]]
    search: Callable[[Scene, Sequence[Criterion], Slice], Found[Resource]]
    note_read: Callable[[Scene, Resource], None]
    orders: tuple[str, ...] = ()
    summary: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    # An element of the summary, and what of it is none.
    summary_leaves_out: tuple[str, str] | None = None
    # The name of the key in paths: by it, refusals know which study they are about.
    key_name: str = "key"
    # By the name of each reference: a query of the keys of what those refer to that criteria find.
    referring: Mapping[str, Callable[[Scene, Sequence[Criterion]], Any]] = field(
        default_factory=dict
    )
    is_gone: Callable[[Scene, str], bool] = field(default=lambda _scene, _key: False)

    @property
    def includes(self) -> list[str]:
        """What ``_include`` may name."""
        return [f"{self.name}:{one.name}" for one in self.parameters.values() if one.path]


kinds: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Offer a kind of resource; once, when the program starts."""
    kinds[kind.name] = kind


def named(parameters: Iterable[Parameter]) -> dict[str, Parameter]:
    """Return parameters by their names, those of every resource with them.

    Each takes the modifiers that the standard has for all of its type.
    """
    return {
        one.name: replace(one, modifiers=one.modifiers | MISSING | _OF_TYPES.get(one.kind, NONE))
        for one in (*COMMON, *parameters)
    }


def reference(
    name: str,
    about: str,
    *,
    definition: str,
    targets: tuple[str, ...],
    path: str = "",
    is_followed: bool = True,
    modifiers: frozenset[str] = frozenset(),
) -> Parameter:
    """Return a parameter that refers to other resources.

    What ``is_followed`` finds by other things than the id: by an identifier, and by chains.
    """
    modifiers |= {*targets, *(["identifier"] if is_followed else [])}
    return Parameter(
        name,
        "reference",
        about,
        definition,
        modifiers,
        targets,
        path,
        is_chained=is_followed and bool(targets),
    )


NONE: frozenset[str] = frozenset()
MISSING = frozenset({"missing"})
_OF_TYPES = {"token": frozenset({"not"}), "string": frozenset({"exact", "contains"})}
IDENTIFIER = frozenset({"of-type"})
# Of codes that have words.
TEXT = frozenset({"text"})
COMMON = (
    Parameter("_id", "token", "The resource's id", "Resource-id"),
    Parameter("_lastUpdated", "date", "When it changed last", "Resource-lastUpdated"),
)
