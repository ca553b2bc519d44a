"""From criteria to conditions on columns; values are parameters, names are ours.

References
----------
FHIR R4, Search: 3.1.1.4 and following
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import Q

from archive.errors import InvalidRequestError
from archive.query.criteria.types import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from archive.query.criteria.types import Criterion, Moment, Quantity

NOTHING = Q(pk__in=[])
# How far off a number may be that is about another (FHIR R4, 3.1.1.4.6: a tenth).
_ABOUT = 0.1
# PostgreSQL's bigint.
_LARGEST_KEY = 2**63 - 1


def any_of(conditions: Iterable[Q]) -> Q:
    """Join conditions of which one must hold; none at all hold for nothing."""
    return reduce(or_, conditions, NOTHING)


def negated(criterion: Criterion, condition: Q) -> Q:
    """Turn a condition round where the criterion's modifier says ``not``."""
    return ~condition if criterion.modifier == "not" else condition


def row_key(text: str) -> int | None:
    """Return a row's key as the text of a resource's id says it; None where it can be none."""
    is_number = text.isascii() and text.isdigit() and not text.startswith("0")
    return int(text) if is_number and int(text) <= _LARGEST_KEY else None


def keys_condition(criterion: Criterion, column: str = "pk") -> Q:
    """Match rows by their keys, as tokens or references name them."""
    texts = (one.code if isinstance(one, Token) else one.key for one in criterion.values)
    keys = [key for key in (row_key(text) for text in texts) if key is not None]
    return negated(criterion, Q(**{f"{column}__in": keys}))


def referred_condition(criterion: Criterion) -> Q:
    """Match rows that something refers to, by the query of their keys (``_has``)."""
    return Q(pk__in=criterion.values[0])


def condition_of(
    criterion: Criterion,
    conditions: Mapping[str, Callable[[Criterion], Q]],
    missing: Mapping[str, Q],
    what: str,
) -> Q:
    """Build a criterion's condition.

    Parameters
    ----------
    criterion
        of a search
    conditions
        how each is built, by its name
    missing
        which rows have no value of it, by its name; where it is not there, all have one
    what
        is asked, in a word

    Raises
    ------
    InvalidRequestError
        It can't be asked here.
    """
    build = conditions.get(criterion.name)
    if build is None:
        raise InvalidRequestError(f"{criterion.name[:64]!r} can't be asked of {what}.")
    if criterion.modifier == "missing":
        return missing_condition(criterion, missing.get(criterion.name, NOTHING))
    return build(criterion)


def words_condition(criterion: Criterion, column: str, blank: str = "_") -> Q:
    """Match a name of ours by the beginning of any of its words (``:text``).

    Parameters
    ----------
    criterion
        whose values are texts
    column
        of names
    blank
        what stands in them for a blank
    """
    texts = [text.strip().replace(" ", blank) for text in criterion.values]
    return any_of(
        Q(**{f"{column}__istartswith": text}) | Q(**{f"{column}__icontains": f"{blank}{text}"})
        for text in texts
    )


def instant_condition(criterion: Criterion, column: str) -> Q:
    """Match moments that are known to the instant.

    Parameters
    ----------
    criterion
        whose values are moments
    column
        of a date with time
    """
    return any_of(_compare(moment, column, moment.low, moment.high) for moment in criterion.values)


def day_condition(criterion: Criterion, column: str) -> Q:
    """Match days.

    Parameters
    ----------
    criterion
        whose values are moments
    column
        of a date

    Raises
    ------
    InvalidRequestError
        A value has a time.
    """
    for moment in criterion.values:
        if not moment.is_day:
            raise InvalidRequestError(f"{criterion.name} takes dates without a time.")
    return any_of(
        _compare(moment, column, moment.low.date(), moment.high.date())
        for moment in criterion.values
    )


def _compare(moment: Moment, column: str, low: object, high: object) -> Q:
    """Compare what is one point on the scale of the bounds: from low on, before high."""
    inside = Q(**{f"{column}__gte": low, f"{column}__lt": high})
    conditions: dict[str, Callable[[], Q]] = {
        "eq": lambda: inside,
        "ap": lambda: inside,
        "ne": lambda: ~inside & Q(**{f"{column}__isnull": False}),
        "gt": lambda: Q(**{f"{column}__gte": high}),
        "sa": lambda: Q(**{f"{column}__gte": high}),
        "ge": lambda: Q(**{f"{column}__gte": low}),
        "lt": lambda: Q(**{f"{column}__lt": low}),
        "eb": lambda: Q(**{f"{column}__lt": low}),
        "le": lambda: Q(**{f"{column}__lt": high}),
    }
    return conditions[moment.prefix]()


def clock_condition(
    criterion: Criterion, date_column: str, time_column: str, local: Callable[[datetime], datetime]
) -> Q:
    """Match what has a day, and often the time of a clock beside it.

    What has no time lasts the whole day: it lies within a day that is asked for, and around a time.

    Parameters
    ----------
    criterion
        whose values are moments
    date_column, time_column
        of the day and of the time on it, which may be unknown
    local
        from a moment in UTC to what the clock says
    """
    found = []
    for moment in criterion.values:
        if moment.is_day:
            low, high = moment.low.date(), moment.high.date()
            found.append(_compare(moment, date_column, low, high))
            continue
        low, high = moment.low, moment.high
        if moment.has_zone:
            low, high = local(low), local(high)
        found.append(_on_clock(moment.prefix, date_column, time_column, low, high))
    return any_of(found)


def _on_clock(prefix: str, day: str, clock: str, low: datetime, high: datetime) -> Q:
    known, unknown = Q(**{f"{clock}__isnull": False}), Q(**{f"{clock}__isnull": True})

    def since(moment: datetime) -> Q:
        later = Q(**{f"{day}__gt": moment.date()})
        return later | Q(**{day: moment.date(), f"{clock}__gte": moment.time()})

    def before(moment: datetime) -> Q:
        earlier = Q(**{f"{day}__lt": moment.date()})
        return earlier | Q(**{day: moment.date(), f"{clock}__lt": moment.time()})

    inside = since(low) & before(high) & known
    last = high.date()
    days = Q(**{f"{day}__gte": low.date(), f"{day}__lte": last})
    conditions: dict[str, Callable[[], Q]] = {
        "eq": lambda: inside,
        "ap": lambda: inside | (unknown & days),
        "ne": lambda: ~inside & Q(**{f"{day}__isnull": False}),
        "gt": lambda: (known & since(high)) | (unknown & Q(**{f"{day}__gte": last})),
        "ge": lambda: (known & since(low)) | (unknown & Q(**{f"{day}__gte": last})),
        "lt": lambda: (known & before(low)) | (unknown & Q(**{f"{day}__lte": low.date()})),
        "le": lambda: (known & before(high)) | (unknown & Q(**{f"{day}__lte": low.date()})),
        "sa": lambda: (known & since(high)) | (unknown & Q(**{f"{day}__gt": last})),
        "eb": lambda: (known & before(low)) | (unknown & Q(**{f"{day}__lt": low.date()})),
    }
    return conditions[prefix]()


def number_condition(quantity: Quantity, column: str) -> Q:
    """Match a number with the precision that it was asked with."""
    margin = quantity.margin
    if quantity.prefix == "ap":
        margin = max(margin, abs(quantity.value) * _ABOUT)
    low, high = quantity.value - margin, quantity.value + margin
    inside = Q(**{f"{column}__gte": low, f"{column}__lt": high})
    bounds = {
        "gt": ("gt", quantity.value),
        "sa": ("gte", high),
        "ge": ("gte", quantity.value),
        "lt": ("lt", quantity.value),
        "eb": ("lt", low),
        "le": ("lte", quantity.value),
    }
    if quantity.prefix in bounds:
        sign, bound = bounds[quantity.prefix]
        return Q(**{f"{column}__{sign}": bound})
    if quantity.prefix == "ne":
        return ~inside & Q(**{f"{column}__isnull": False})
    return inside


def missing_condition(criterion: Criterion, is_missing: Q) -> Q:
    """Match by whether there is a value at all (``:missing=true`` or ``false``)."""
    return is_missing if criterion.values[0] == "true" else ~is_missing
