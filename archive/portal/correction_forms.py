"""The fields of corrections as forms show them: dates and times as browsers write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.corrections.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TYPES = {"DA": "date", "TM": "time"}
_WIDE = frozenset({"PatientName", "StudyDescription", "SeriesDescription"})
_LENGTHS = {"LO": 64, "SH": 16, "CS": 16, "PN": 324, "IS": 12}


@dataclass(frozen=True)
class FormField:
    """One attribute in a form."""

    keyword: str
    label: str
    value: str
    type: str = "text"
    length: int = 64
    choices: Sequence[str] = ()
    is_wide: bool = False
    error: str = ""


def form_fields(
    level: str,
    values: Mapping[str, str],
    *,
    given: Mapping[str, str] | None = None,
    error: tuple[str, str] = ("", ""),
) -> list[FormField]:
    """Return the fields of a level: as they are, or as somebody just gave them."""
    said = given or {}
    return [
        FormField(
            keyword=field.keyword,
            label=str(field.label),
            value=said.get(field.keyword, _shown(field.vr, values.get(field.keyword, ""))),
            type=_TYPES.get(field.vr, "text"),
            length=_LENGTHS.get(field.vr, 64),
            choices=field.choices,
            is_wide=field.keyword in _WIDE,
            error=error[1] if error[0] == field.keyword else "",
        )
        for field in FIELDS[level].values()
    ]


def given_values(level: str, form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form says of a level's attributes; what it leaves out stays."""
    return {keyword: str(form[keyword]) for keyword in FIELDS[level] if keyword in form}


def _shown(vr: str, value: str) -> str:
    if vr == "DA" and len(value) == 8:
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    if vr == "TM" and len(value) >= 6:
        return f"{value[:2]}:{value[2:4]}:{value[4:6]}"
    return value
