"""Form fields of a search: lists that forgive, a region, pairs of attribute and value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms

from inference.similarity.types import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

_REGION = re.compile(r"^(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})$")
_KEYWORD = re.compile(r"^[A-Z][A-Za-z0-9]{1,63}$")


class TextListField(forms.Field):
    """Every value that the address has under one name; those that are no text are left out."""

    widget = forms.MultipleHiddenInput

    def __init__(
        self, *, pattern: re.Pattern[str] | None = None, most: int = 20, longest: int = 64
    ) -> None:
        super().__init__(required=False)
        self._pattern, self._most, self._longest = pattern, most, longest

    def clean(self, value: Any) -> tuple[Any, ...]:
        """Return the values once each, in their order."""
        texts = (str(one).strip() for one in value or ())
        return tuple(dict.fromkeys(text for text in texts if self._is_good(text)))[: self._most]

    def _is_good(self, text: str) -> bool:
        if not text or len(text) > self._longest or "\x00" in text:
            return False
        return self._pattern is None or bool(self._pattern.match(text))


class AttributeListField(TextListField):
    """Pairs of a DICOM keyword and a value, written ``Keyword=value``."""

    def __init__(self) -> None:
        super().__init__(longest=160)

    def clean(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Return the pairs whose keyword can be one."""
        parted = (text.partition("=") for text in super().clean(value))
        pairs = ((keyword.strip(), wanted.strip()) for keyword, _, wanted in parted)
        return tuple((one, wanted) for one, wanted in pairs if _KEYWORD.match(one) and wanted)


class RegionField(forms.Field):
    """A rectangle as ``x,y,width,height``; what is no rectangle is none."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> Region | None:
        """Return the region, or None."""
        found = _REGION.match(str(value or ""))
        return Region(*(int(one) for one in found.groups())) if found else None


def region_text(region: Region | Sequence[int]) -> str:
    """Return a region as an address has it."""
    if isinstance(region, Region):
        region = (region.x, region.y, region.width, region.height)
    return ",".join(str(one) for one in region)
