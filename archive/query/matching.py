"""From matching keys to conditions on columns (PS3.4 C.2.2.2); nothing of a request gets further.

Attributes come from the table, values as parameters. Text is compared with regard to case, names
without case and accents. Integers are compared as numbers.
"""

from __future__ import annotations

from functools import partial, reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from django.db.models import Q

from archive.dicom.charsets import fold_text
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.query.lookups import (
    ArrayItemLike,
    Like,
    RequestedProcedureLike,
    ScheduledStepLike,
    has_wildcard,
    like_pattern,
)
from archive.query.types import Kind
from archive.query.values import parse_date, parse_time_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.query.attributes import Attribute
    from archive.query.types import MatchingKey, Query

MAX_VALUE_LENGTH = 512
MAX_WILDCARDS = 16
MAX_VALUES = 5000
EMPTY = '""'


def key_condition(attribute: Attribute, path: str, key: MatchingKey, query: Query) -> Q:
    """Build the condition of one matching key.

    Parameters
    ----------
    attribute
        what is matched
    path
        lookup prefix from the query's rows to the attribute's
    key
        the values wanted; none, or an empty one, match everything
    query
        whose flags say how names and several values are taken

    Raises
    ------
    InvalidRequestError
        A value is too long, holds control characters, or is no value of the attribute's kind.
    """
    values = _wanted_values(key)
    if not values:
        return Q()
    column = path + attribute.column
    if query.is_empty_value_matching and values == [EMPTY]:
        return _is_empty(attribute, column)
    if attribute.kind is Kind.UID:
        return _match_uids(column, values)
    if attribute.kind is Kind.CONSTANT:
        return Q() if attribute.constant in values else Q(pk__in=[])
    if attribute.kind is Kind.NAME:
        column = path + attribute.search_column
    match = _matcher(attribute, is_fuzzy=query.is_fuzzy)
    combine = and_ if query.is_multiple_value_matching else or_
    return reduce(combine, (match(column, value) for value in values))


def _wanted_values(key: MatchingKey) -> list[str]:
    """Return the values to match; none for universal matching."""
    values = [value.strip() for value in key.values]
    if "*" in values:
        return []
    values = [value for value in values if value]
    if len(values) > MAX_VALUES:
        raise InvalidRequestError(f"{key.keyword} takes at most {MAX_VALUES} values.")
    for value in values:
        _check_value(key.keyword, value)
    return values


def _matcher(attribute: Attribute, *, is_fuzzy: bool) -> Callable[[str, str], Q]:
    if attribute.kind is Kind.REQUEST:
        item_key = attribute.keyword.partition(".")[2]
        return partial(_match_request, item_key)
    if is_fuzzy and attribute.kind is Kind.NAME:
        return _match_name_fuzzily
    if is_fuzzy and attribute.kind is Kind.TEXT and attribute.vr == "LO":
        return _match_text_in_any_case
    return _MATCHERS[attribute.kind]


def _check_value(keyword: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH or value.count("*") + value.count("?") > MAX_WILDCARDS:
        raise InvalidRequestError(f"The value of {keyword} is too long or too wild.")
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in value):
        raise InvalidRequestError(f"The value of {keyword} holds control characters.")


def _is_empty(attribute: Attribute, column: str) -> Q:
    if attribute.kind in {Kind.DATE, Kind.TIME, Kind.INTEGER}:
        return Q(**{f"{column}__isnull": True})
    if attribute.kind in {Kind.TEXTS, Kind.REQUEST}:
        return Q(**{column: []})
    if attribute.kind is Kind.CONSTANT:
        return Q(pk__in=[])
    return Q(**{column: ""})


def _match_uids(column: str, values: list[str]) -> Q:
    for value in values:
        if not is_valid_uid(value):
            raise InvalidRequestError(f"{value[:64]!r} is not a UID.")
    return Q(**{f"{column}__in": values}) if len(values) > 1 else Q(**{column: values[0]})


def _match_text(column: str, value: str) -> Q:
    if has_wildcard(value):
        return Q(Like(column, like_pattern(value)))
    return Q(**{column: value})


def _match_text_in_any_case(column: str, value: str) -> Q:
    # Django writes UPPER(column) LIKE UPPER(pattern), which the trigram indexes serve.
    parts = [part for part in value.split("*") if part]
    if "?" in value or len(parts) != 1:
        return _match_text(column, value)
    starts, ends = value.startswith("*"), value.endswith("*")
    name = {
        (False, False): "iexact",
        (True, True): "icontains",
        (False, True): "istartswith",
        (True, False): "iendswith",
    }[starts, ends]
    return Q(**{f"{column}__{name}": parts[0]})


def _match_name(search_column: str, value: str) -> Q:
    """Match a whole component group, of which a name has up to three.

    The search column holds the groups one behind the other, so only a name of several groups may
    match from the middle.
    """
    pattern = like_pattern(fold_text(value))
    if not pattern:
        return Q()
    name_column = search_column.removesuffix("_search")
    groups = [f"{pattern} %", f"% {pattern}", f"% {pattern} %"]
    in_a_group = reduce(or_, (Q(Like(search_column, group)) for group in groups))
    has_groups = Q(**{f"{name_column}__contains": "="})
    return Q(Like(search_column, pattern)) | (has_groups & in_a_group)


def _match_name_fuzzily(search_column: str, value: str) -> Q:
    """Match where each word of the value begins a word of the name, in any order."""
    conditions = []
    for word in fold_text(value).split():
        pattern = like_pattern(word).rstrip("%") + "%"
        conditions.append(Q(Like(search_column, pattern)) | Q(Like(search_column, f"% {pattern}")))
    return reduce(and_, conditions) if conditions else Q()


def _match_date(column: str, value: str) -> Q:
    first, is_range, last = value.partition("-")
    if not is_range:
        return Q(**{column: parse_date(first)})
    condition = Q(**{f"{column}__isnull": False})
    if first:
        condition &= Q(**{f"{column}__gte": parse_date(first)})
    if last:
        condition &= Q(**{f"{column}__lte": parse_date(last)})
    return condition


def _match_time(column: str, value: str) -> Q:
    first, is_range, last = value.partition("-")
    low = parse_time_span(first)[0] if first else None
    high = parse_time_span(last if is_range else first)[1] if last or not is_range else None
    condition = Q(**{f"{column}__isnull": False})
    if low is not None:
        condition &= Q(**{f"{column}__gte": low})
    if high is not None:
        condition &= Q(**{f"{column}__lte": high})
    return condition


def _match_integer(column: str, value: str) -> Q:
    try:
        number = int(value)
    except ValueError as error:
        raise InvalidRequestError(f"{value[:32]!r} is not a whole number.") from error
    if abs(number) >= 2**63:
        return Q(pk__in=[])
    return Q(**{column: number})


def _match_array(column: str, value: str) -> Q:
    if has_wildcard(value):
        return Q(ArrayItemLike(column, like_pattern(value)))
    return Q(**{f"{column}__contains": [value]})


def _match_request(item_key: str, column: str, value: str) -> Q:
    if not item_key:
        return Q()
    if has_wildcard(value):
        return Q(_ITEM_LOOKUPS[item_key](column, like_pattern(value)))
    return Q(**{f"{column}__contains": [{item_key: value}]})


_ITEM_LOOKUPS: dict[str, type[Like]] = {
    "RequestedProcedureID": RequestedProcedureLike,
    "ScheduledProcedureStepID": ScheduledStepLike,
}
_MATCHERS: dict[Kind, Callable[[str, str], Q]] = {
    Kind.TEXT: _match_text,
    Kind.NAME: _match_name,
    Kind.DATE: _match_date,
    Kind.TIME: _match_time,
    Kind.INTEGER: _match_integer,
    Kind.TEXTS: _match_array,
}
