"""From matching keys to conditions on columns (PS3.4 C.2.2.2); nothing of a request gets further.

Attributes come from the table, values as parameters. Text is compared with regard to case, names
without case and accents. Integers are compared as numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, LimitExceededError
from archive.query.conditions import NOTHING, Condition, all_of, any_of
from archive.query.moments import date_condition, time_condition
from archive.query.names import fuzzy_name_condition, name_condition
from archive.query.types import Kind
from archive.query.wildcards import has_wildcard, like_pattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.query.attributes import Attribute
    from archive.query.types import MatchingKey, Query

    Matcher = Callable[[str, str], Condition | None]

MAX_VALUE_LENGTH = 512
MAX_WILDCARDS = 16
MAX_VALUES = 5000
EMPTY = '""'
_PATIENT_ID = 'archive_patient."dicom_patient_id"'
# An ID that a merge or a correction took away finds the patient who had it.
_CURRENT_IDS = (
    "SELECT %s::varchar UNION ALL SELECT kept.dicom_patient_id FROM archive_patientalias AS former"
    " JOIN archive_patient AS kept ON kept.id = former.patient_id"
    " WHERE former.dicom_patient_id = %s AND former.is_active"
)
_UPPER_INDEXED = frozenset(
    {
        _PATIENT_ID,
        'archive_study."accession_number"',
        'archive_study."study_description"',
    }
)


def key_condition(attribute: Attribute, key: MatchingKey, query: Query) -> Condition | None:
    """Build the condition of one matching key.

    Parameters
    ----------
    attribute
        what is matched
    key
        the values wanted; none, or an empty one, match everything
    query
        whose flags say how names and several values are taken

    Returns
    -------
    the condition, None where everything matches

    Raises
    ------
    InvalidRequestError
        A value is too long, holds control characters, or is no value of the attribute's kind.
    LimitExceededError
        There are too many values.
    """
    values = wanted_values(key)
    if not values:
        return None
    column = f'{attribute.table}."{attribute.column}"'
    if query.is_empty_value_matching and values == [EMPTY]:
        return _is_empty(attribute, column)
    if attribute.kind is Kind.UID:
        return _match_uids(column, values)
    if attribute.kind is Kind.CONSTANT:
        return None if attribute.constant in values else NOTHING
    if attribute.kind is Kind.NAME:
        column = f'{attribute.table}."{attribute.search_column}"'
    match = _matcher(attribute, is_fuzzy=query.is_fuzzy)
    found = [match(column, value) for value in values]
    conditions = [condition for condition in found if condition is not None]
    if query.is_multiple_value_matching:
        return all_of(conditions) if conditions else None
    return any_of(conditions) if len(conditions) == len(values) else None


def wanted_values(key: MatchingKey) -> list[str]:
    """Return the values to match; none for universal matching.

    Parameters
    ----------
    key
        as asked

    Raises
    ------
    InvalidRequestError
        A value is too long or holds control characters.
    LimitExceededError
        There are too many values.
    """
    values = [value.strip() for value in key.values]
    if "*" in values:
        return []
    values = [value for value in values if value]
    if len(values) > MAX_VALUES:
        raise LimitExceededError(f"{key.keyword} takes at most {MAX_VALUES} values.")
    for value in values:
        _check_value(key.keyword, value)
    return values


def _matcher(attribute: Attribute, *, is_fuzzy: bool) -> Matcher:
    if attribute.kind is Kind.REQUEST:
        item_key = attribute.keyword.partition(".")[2]
        return lambda column, value: _match_request(item_key, column, value)
    if is_fuzzy and attribute.kind is Kind.NAME:
        return fuzzy_name_condition
    if is_fuzzy and attribute.kind is Kind.TEXT and attribute.vr == "LO":
        return _match_text_in_any_case
    return _MATCHERS[attribute.kind]


def _check_value(keyword: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH or value.count("*") + value.count("?") > MAX_WILDCARDS:
        raise InvalidRequestError(f"The value of {keyword} is too long or too wild.")
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in value):
        raise InvalidRequestError(f"The value of {keyword} holds control characters.")


def _is_empty(attribute: Attribute, column: str) -> Condition:
    if attribute.kind in {Kind.DATE, Kind.TIME, Kind.INTEGER}:
        return Condition(f"{column} IS NULL")
    if attribute.kind is Kind.TEXTS:
        return Condition(f"{column} = '{{}}'")
    if attribute.kind is Kind.REQUEST:
        return Condition(f"{column} = '[]'::jsonb")
    if attribute.kind is Kind.CONSTANT:
        return NOTHING
    return Condition(f"{column} = ''")


def _match_uids(column: str, values: list[str]) -> Condition:
    for value in values:
        if not is_valid_uid(value):
            raise InvalidRequestError(f"{value[:64]!r} is not a UID.")
    if len(values) == 1:
        return Condition(f"{column} = %s", (values[0],), is_exact=True)
    return Condition(f"{column} = ANY(%s::varchar[])", (values,))


def _match_text(column: str, value: str) -> Condition:
    if not has_wildcard(value):
        if column == _PATIENT_ID:
            return Condition(f"{column} = ANY(ARRAY({_CURRENT_IDS}))", (value,) * 2, is_exact=True)
        return Condition(f"{column} = %s", (value,), is_exact=True)
    pattern = like_pattern(value)
    if column not in _UPPER_INDEXED:
        return Condition(f"{column} LIKE %s", (pattern,))
    # Once as the trigram index has it, once as asked.
    return Condition(f"({column} LIKE %s AND upper({column}) LIKE upper(%s))", (pattern, pattern))


def _match_text_in_any_case(column: str, value: str) -> Condition:
    # The expression that the trigram indexes serve.
    return Condition(f"upper({column}) LIKE upper(%s)", (like_pattern(value),))


def _match_integer(column: str, value: str) -> Condition:
    try:
        number = int(value)
    except ValueError as error:
        raise InvalidRequestError(f"{value[:32]!r} is not a whole number.") from error
    if abs(number) >= 2**63:
        return NOTHING
    return Condition(f"{column} = %s", (number,), is_exact=True)


def _match_array(column: str, value: str) -> Condition:
    if has_wildcard(value):
        items = f"SELECT 1 FROM unnest({column}) AS item WHERE item LIKE %s"  # noqa: S608 our names
        return Condition(f"EXISTS ({items})", (like_pattern(value),))
    return Condition(f"{column} @> %s::varchar[]", ([value],))


def _match_request(item_key: str, column: str, value: str) -> Condition | None:
    if not item_key:
        return None
    if has_wildcard(value):
        items = f"SELECT 1 FROM jsonb_array_elements({column}) AS item"  # noqa: S608 our names
        return Condition(
            f"EXISTS ({items} WHERE item ->> '{item_key}' LIKE %s)", (like_pattern(value),)
        )
    return Condition(f"{column} @> %s::jsonb", (json.dumps([{item_key: value}]),))


_MATCHERS: dict[Kind, Matcher] = {
    Kind.TEXT: _match_text,
    Kind.NAME: name_condition,
    Kind.DATE: date_condition,
    Kind.TIME: time_condition,
    Kind.INTEGER: _match_integer,
    Kind.TEXTS: _match_array,
}
