"""The study list's orders, and where a page begins in them: behind a study, not at a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, OrderBy, Q

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.querysets import StudyQuerySet

SORT_FIELDS: dict[str, tuple[str, ...]] = {
    "date": ("study_date", "study_time"),
    "patient": ("patient__patient_name_search", "patient__dicom_patient_id"),
    "description": ("study_description",),
    "accession": ("accession_number",),
    "images": ("number_of_study_related_instances",),
    "received": ("created_at",),
}
SORT_KEYS = frozenset(SORT_FIELDS)
# Orders that an index serves, which is all that a large archive's list offers.
INDEXED_SORTS = SORT_KEYS - {"images"}
_NULLABLE = frozenset({"study_date", "study_time"})


@dataclass(frozen=True)
class Direction:
    """An order of the list, or the same read backwards."""

    fields: tuple[str, ...]
    is_descending: bool
    # Only dates and times may be unknown; they are the last of the list, whatever its order.
    is_unknown_last: bool = True

    @classmethod
    def of(cls, sort: str, *, is_descending: bool) -> Direction:
        """Return the order of that name."""
        return cls(SORT_FIELDS.get(sort, SORT_FIELDS["date"]), is_descending)

    def reversed(self) -> Direction:
        """Return the same order backwards."""
        return Direction(self.fields, not self.is_descending, not self.is_unknown_last)

    def order(self) -> list[OrderBy]:
        """Return what to order by: what an index has, and the key where the rest is equal."""
        return [*(self._by(name) for name in self.fields), self._by("pk")]

    def _by(self, name: str) -> OrderBy:
        # An index serves no other order of nulls than its own.
        nulls: dict[str, bool] = {}
        if name in _NULLABLE and self.is_unknown_last:
            nulls = {"nulls_last": True}
        elif name in _NULLABLE:
            nulls = {"nulls_first": True}
        field = F(name)
        return field.desc(**nulls) if self.is_descending else field.asc(**nulls)

    def behind(self, values: Sequence[Any]) -> list[Q]:
        """Return which rows come behind one, as parts that follow each other.

        Parameters
        ----------
        values
            of the order's fields and the key, of a row

        Returns
        -------
        conditions, each a range of an index
        """
        names = (*self.fields, "pk")
        first, value = names[0], values[0]
        behind, ties = Q(pk__in=[]), Q()
        for name, known in zip(names, values, strict=True):
            behind |= ties & self._later(name, known)
            ties &= Q(**{f"{name}__isnull": True}) if known is None else Q(**{name: known})
        if value is None:
            parts = [Q(**{f"{first}__isnull": True}) & behind]
            return parts if self.is_unknown_last else [*parts, Q(**{f"{first}__isnull": False})]
        bound = Q(**{f"{first}__{'lte' if self.is_descending else 'gte'}": value})
        parts = [bound & behind]
        if first in _NULLABLE and self.is_unknown_last:
            parts.append(Q(**{f"{first}__isnull": True}))
        return parts

    def _later(self, name: str, known: Any) -> Q:
        if known is None:
            return Q(pk__in=[]) if self.is_unknown_last else Q(**{f"{name}__isnull": False})
        later = Q(**{f"{name}__{'lt' if self.is_descending else 'gt'}": known})
        if name in _NULLABLE and self.is_unknown_last:
            later |= Q(**{f"{name}__isnull": True})
        return later


def keys_behind(
    studies: StudyQuerySet, direction: Direction, values: Sequence[Any], count: int
) -> list[int]:
    """Return the keys of the next studies behind one.

    Parameters
    ----------
    studies
        in any order
    direction
        that of the list, or its reverse
    values
        of the order's fields and the key, of the study they come behind
    count
        how many at most
    """
    keys: list[int] = []
    for part in direction.behind(values):
        rows = studies.filter(part).order_by(*direction.order()).values_list("pk", flat=True)
        keys += rows[: count - len(keys)]
        if len(keys) >= count:
            break
    return keys
