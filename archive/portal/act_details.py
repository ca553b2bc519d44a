"""Details of a record of the audit trail, written out for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from archive.access.roles import ROLE_WORDS
from archive.bulk.registry import known_act
from archive.portal.act_detail_terms import NAMES, VALUES
from archive.portal.act_words import act_words, event_words
from archive.portal.field_terms import DOORS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = {role: words for role, words, _may in ROLE_WORDS}
# Has a column of its own.
_ELSEWHERE = "study"


def detail_words(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the details of a record: their names in words, and what they are.

    Parameters
    ----------
    details
        of an AuditEvent

    Returns
    -------
    name and value, in the order of the record; what is data stays as it is
    """
    return [
        (name_words(name), _written(name, value))
        for name, value in details.items()
        if name != _ELSEWHERE
    ]


def name_words(name: str) -> str:
    """Return what a detail is called; its own name where none is known."""
    return str(NAMES.get(name, name.replace("_", " ")))


def _written(name: str, value: Any) -> str:
    if value is None or value == "":
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, dict):
        parts = (f"{name_words(key)} {_written_within(key, one)}" for key, one in value.items())
        return ", ".join(parts) or "\N{EN DASH}"
    if isinstance(value, list):
        return ", ".join(_written(name, one) for one in value) or "\N{EN DASH}"
    return _value_words(name, value) if isinstance(value, str) else str(value)


def _written_within(name: str, value: Any) -> str:
    """Write what was searched by: there an act is one of the trail, not of a job."""
    return act_words(value) if name == "act" and isinstance(value, str) else _written(name, value)


def _value_words(name: str, value: str) -> str:
    if name == "role":
        return str(_ROLES.get(value, value))
    if name == "door":
        return str(DOORS.get(value, value))
    if name == "event_id":
        return event_words(value)
    if name == "act":
        act = known_act(value)
        return str(act.label) if act is not None else value
    return str(VALUES.get(name, {}).get(value, value))
