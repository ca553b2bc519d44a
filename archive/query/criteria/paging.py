"""A part of what is found: behind a row rather than at a number, so that it stays what it was."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, Q

from archive.errors import InvalidRequestError
from archive.query.criteria.conditions import row_key
from archive.query.criteria.types import Found, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db.models import OrderBy, QuerySet

    from archive.query.criteria.types import Criterion, Slice

ModelT = TypeVar("ModelT", bound=Model)
# Counted up to here, as everywhere; more only where it is asked for.
MAX_COUNTED = 500
# Columns that are moments, which change with every change of a row.
_MOMENTS = frozenset({"change__changed_at", "updated_at", "changed_at", "recorded_at"})
_MOMENT = re.compile(r"\d{1,17}", re.ASCII)
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def slice_of(
    rows: QuerySet[ModelT], wanted: Slice, orders: Mapping[str, tuple[str, ...]]
) -> Found[ModelT]:
    """Return a part of the rows in their order, the newest rows first without one.

    Parameters
    ----------
    rows
        found, in any order
    wanted
        which part
    orders
        columns by the name of each order that can be asked for; what has none comes last

    Raises
    ------
    InvalidRequestError
        There is no such order, or no such place to go on from.
    """
    columns = _columns(wanted, orders)
    parts = [Q()]
    if wanted.after:
        parts = _behind(rows, columns, wanted.after)
    by = [_by(rows.model, one) for one in columns]
    found: list[ModelT] = []
    for part in parts:
        if len(found) <= wanted.count and wanted.count:
            found += rows.filter(part).order_by(*by)[: wanted.count + 1 - len(found)]
    kept = found[: wanted.count]
    following = place_of(kept[-1], wanted, orders) if len(found) > wanted.count > 0 else ""
    is_all = bool(wanted.count) and not wanted.after and not following
    return Found(kept, following, len(kept) if is_all else _total(rows, wanted))


def place_of(row: Model, wanted: Slice, orders: Mapping[str, tuple[str, ...]]) -> str:
    """Name the place behind a row: its key, and the moments that it is sorted by.

    A row that changes while somebody pages through changes moves away, and they stay where they
    were. Other values may be somebody's name: they are looked up when the next page is asked for.
    """
    names = _names(_columns(wanted, orders))
    told: list[int] = [row.pk]
    if _MOMENTS.issuperset(names):
        moments: list[Any] = [reduce(getattr, name.split("__"), row) for name in names]
        told += [(one - _EPOCH) // _TICK for one in moments]
    return "-".join(map(str, told))


def _columns(wanted: Slice, orders: Mapping[str, tuple[str, ...]]) -> tuple[SortKey, ...]:
    """Return the columns that results are sorted by, each once, the key of the rows at last."""
    found: dict[str, SortKey] = {}
    for key in wanted.order:
        if key.name not in orders:
            raise InvalidRequestError(f"_sort can't take {key.name[:64]!r} here.")
        for column in orders[key.name]:
            found.setdefault(column, SortKey(column, key.is_descending))
    # The newest first, where nothing else is said.
    is_descending = wanted.order[0].is_descending if wanted.order else True
    return (*found.values(), SortKey("pk", is_descending))


def _names(columns: Iterable[SortKey]) -> tuple[str, ...]:
    return tuple(one.name for one in columns if one.name != "pk")


def in_order_of(wanted: Slice, criteria: Sequence[Criterion], names: Sequence[str]) -> Slice:
    """Sort what was asked for by a time, and in no order, by that time: the newest first.

    The database reads it in that order from an index; in another it would walk the archive for
    what lies far back.

    Parameters
    ----------
    wanted
        which part
    criteria
        all of which must fit
    names
        of criteria that are orders, too, the first that is asked for counts
    """
    asked = {one.name for one in criteria if not one.modifier and one.chain is None}
    order = next((name for name in names if name in asked), "")
    if wanted.order or not order:
        return wanted
    return replace(wanted, order=(SortKey(order, is_descending=True),))


def _total(rows: QuerySet[Any], wanted: Slice) -> int | None:
    if wanted.is_total_left_out:
        return None
    if wanted.is_total_wanted:
        return rows.order_by().count()
    counted = rows.order_by().values("pk")[: MAX_COUNTED + 1].count()
    return counted if counted <= MAX_COUNTED else None


def _by(model: type[Model], key: SortKey) -> OrderBy:
    # Where nothing is unknown the order says so: an index is read backwards for it.
    last = True if _may_be_null(model, key.name) else None
    column = F(key.name)
    return column.desc(nulls_last=last) if key.is_descending else column.asc(nulls_last=last)


def _may_be_null(model: type[Model], name: str) -> bool:
    """Whether a column, or one at a path of others, may be unknown; what is computed never is."""
    first, _, rest = name.partition("__")
    try:
        field = model._meta.get_field("id" if first == "pk" else first)  # noqa: SLF001 its door
    except FieldDoesNotExist:
        return False
    if rest and isinstance(field.related_model, type):
        return _may_be_null(field.related_model, rest)
    return bool(getattr(field, "null", False))


def _behind(rows: QuerySet[Any], columns: tuple[SortKey, ...], after: str) -> list[Q]:
    """Return what lies behind a row in parts, one after the other: each a range of an index."""
    told, *moments = after.split("-")
    key = row_key(told)
    if key is None or not all(_MOMENT.fullmatch(one) for one in moments):
        raise InvalidRequestError("There is no such page.")
    names = _names(columns)
    values: Any = tuple(_EPOCH + int(one) * _TICK for one in moments)
    if len(values) != len(names) or not _MOMENTS.issuperset(names):
        # As they are now; a row that is out of reach meanwhile has none to go on from.
        values = rows.filter(pk=key).values_list(*names).first() if names else ()
    if values is None:
        raise InvalidRequestError("This page is no longer there: search anew.", code="page-gone")
    ordered = list(zip(columns, (*values, key), strict=True))
    (first, known), others = ordered[0], ordered[1:]
    if not others:
        return [_later(first, known)]
    ties = _behind_in_ties(others)
    if known is None:
        return [Q(**{f"{first.name}__isnull": True}) & ties]
    reached = Q(**{f"{first.name}__{'lte' if first.is_descending else 'gte'}": known})
    parts = [reached & (_later(first, known) | ties)]
    if _may_be_null(rows.model, first.name):
        parts.append(Q(**{f"{first.name}__isnull": True}))
    return parts


def _behind_in_ties(ordered: list[tuple[SortKey, Any]]) -> Q:
    """Match what comes later by the columns that tell rows apart where the first says nothing."""
    behind, ties = Q(pk__in=[]), Q()
    for key, known in ordered:
        later = Q(pk__in=[]) if known is None else _later(key, known)
        if known is not None and key.name != "pk":
            later |= Q(**{f"{key.name}__isnull": True})
        behind |= ties & later
        ties &= Q(**{f"{key.name}__isnull": True}) if known is None else Q(**{key.name: known})
    return behind


def _later(key: SortKey, known: Any) -> Q:
    return Q(**{f"{key.name}__{'lt' if key.is_descending else 'gt'}": known})
