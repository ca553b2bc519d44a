"""Segments that people and models left in the archive as SEG objects. No torch here."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.access.selectors import require_site_radiology_admin
from archive.models import Instance
from archive.retrieve.metadata import metadata_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.models.querysets import AnyUser
    from inference.pipelines.types import CodeTriple

# Segmentation Storage and Label Map Segmentation Storage.
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
# The newest so many are asked for what they hold.
MOST_OBJECTS = 5000
_OFFERED_OF = 100
_BY_MODELS = "AUTOMATIC"
_NO_CODE: CodeTriple = ("", "", "")


@dataclass(frozen=True)
class StoredSegment:
    """One segment of a SEG object.

    Attributes
    ----------
    instance : primary key of the SEG
    number : of the segment
    label : of the segment
    category, property_type : its codes
    is_by_person : drawn or corrected by a person
    series_uid : of the images it was drawn on
    """

    instance: int
    number: int
    label: str
    category: CodeTriple
    property_type: CodeTriple
    is_by_person: bool
    series_uid: str

    def is_called(self, wanted: str) -> bool:
        """Whether the segment has this label, in any case, or its property this code."""
        value, scheme, _ = self.property_type
        names = {self.label.casefold(), value.casefold(), f"{scheme}:{value}".casefold()}
        return bool(wanted.strip()) and wanted.strip().casefold() in names


@dataclass(frozen=True)
class SegmentChoice:
    """A structure that a training could learn: its label, code, and on how many series it is."""

    label: str
    code: str
    number_of_series: int


def stored_segments(*, newest: int = MOST_OBJECTS) -> list[StoredSegment]:
    """Return the segments of SEG objects that are shown, the newest object first.

    Parameters
    ----------
    newest : of so many objects

    Returns
    -------
    segments; those of objects that name no series are left out, and so is what a person rejected,
    corrected or deleted
    """
    rows = Instance.objects.shown().filter(sop_class_uid__in=SEG_CLASSES, series__withheld="")
    found = dict(rows.order_by("-pk").values_list("sop_instance_uid", "pk")[:newest])
    segments: list[StoredSegment] = []
    for text in metadata_documents(list(found.values()), ""):
        document = json.loads(text)
        segments += _segments(document, found.get(_first(document, "00080018"), 0))
    return segments


def segment_choices(user: AnyUser) -> list[SegmentChoice]:
    """Return what the newest SEG objects hold, the most frequent first.

    Parameters
    ----------
    user : a radiology admin of the whole archive

    Raises
    ------
    NotAllowedError
        The user is no such admin.
    """
    require_site_radiology_admin(user)
    series: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in stored_segments(newest=_OFFERED_OF):
        code = ":".join(reversed(one.property_type[:2])).strip(":")
        series[one.label, code].add(one.series_uid)
    choices = [SegmentChoice(*name, len(uids)) for name, uids in series.items()]
    return sorted(choices, key=lambda one: (-one.number_of_series, one.label))


def _segments(document: dict[str, Any], instance: int) -> Iterator[StoredSegment]:
    series_uid = next(
        (_first(one, "0020000E") for one in _values(document, "00081115")),
        "",
    )
    if not instance or not series_uid:
        return
    for item in _values(document, "00620002"):
        number = str(_first(item, "00620004"))
        if number.isdigit():
            yield StoredSegment(
                instance=instance,
                number=int(number),
                label=_first(item, "00620005").strip(),
                category=_code(item, "00620003"),
                property_type=_code(item, "0062000F"),
                is_by_person=_first(item, "00620008") != _BY_MODELS,
                series_uid=series_uid,
            )


def _code(item: dict[str, Any], tag: str) -> CodeTriple:
    for one in _values(item, tag):
        return _first(one, "00080100"), _first(one, "00080102"), _first(one, "00080104")
    return _NO_CODE


def _first(item: dict[str, Any], tag: str) -> str:
    return next((str(value) for value in _values(item, tag) if value is not None), "")


def _values(item: dict[str, Any], tag: str) -> Sequence[Any]:
    found = item.get(tag, {})
    values = found.get("Value") if isinstance(found, dict) else None
    return values if isinstance(values, list) else ()
