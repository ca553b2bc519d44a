"""Attribute matching on data sets in the DICOM JSON model (PS3.4 C.2.2.2), without a database.

For worklists, whose entries are few after the database narrowed them by what it has columns for:
every attribute can be a key then, at any depth.
"""

import re
from collections.abc import Callable
from typing import Any

from archive.dicom.charsets import fold_text
from archive.dicom.moments import date_span, moment_span, time_span
from archive.errors import InvalidRequestError

JsonObject = dict[str, Any]
Predicate = Callable[[JsonObject], bool]
_Test = Callable[[JsonObject | None], bool]

EMPTY = '""'
MAX_VALUE_LENGTH = 512
MAX_WILDCARDS = 16
_SPANS = {"DA": date_span, "TM": time_span, "DT": moment_span}
_NUMBERS = frozenset({"IS", "DS", "US", "UL", "UV", "SS", "SL", "SV", "FL", "FD"})
_TEXTS = frozenset({"AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"})
_WITHOUT_WILDCARDS = frozenset({"UI", "AS"})
# What says how a query is written, not what is looked for.
_MODIFIERS = frozenset({"00080005", "00080201"})
# A range of both is one from the first date at the first time (PS3.4 table K.6-1).
_DATES_WITH_TIMES = {"00400002": "00400003"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def compile_keys(keys: JsonObject, *, is_fuzzy: bool = False) -> Predicate:
    """Return the test whether a data set matches all keys.

    Parameters
    ----------
    keys : matching keys in the DICOM JSON model; an element without a value matches everything,
        several values are alternatives, ``""`` matches what is empty, `*` and `?` are wildcards
        where the value representation allows them, ``first-last`` is a range of dates and times
    is_fuzzy : whether each word of a name may begin any word of the names compared

    Raises
    ------
    InvalidRequestError
        A value can't be one of its attribute.

    References
    ----------
    DICOM PS3.4 section C.2.2.2
    """
    tests: list[tuple[str, _Test]] = []
    combined = _combined_ranges(keys)
    for tag, element in keys.items():
        if tag in _MODIFIERS or any(tag in pair for pair, _ in combined):
            continue
        test = _element_test(tag, element, is_fuzzy=is_fuzzy)
        if test is not None:
            tests.append((tag, test))
    pairs = [(date, time, span) for (date, time), span in combined]

    def matches(ds: JsonObject) -> bool:
        return all(test(ds.get(tag)) for tag, test in tests) and all(
            low <= _joined(ds, date, time) <= high for date, time, (low, high) in pairs
        )

    return matches


def select_keys(ds: JsonObject, keys: JsonObject) -> JsonObject:
    """Return what was asked for of a data set: each key, empty where the data set lacks it.

    Parameters
    ----------
    ds : data set in the DICOM JSON model
    keys : matching and return keys; a sequence with an item asks for that item's attributes

    References
    ----------
    DICOM PS3.4 section C.2.2.1.3
    """
    selected = {}
    for tag, key in sorted(keys.items()):
        element = ds.get(tag)
        if element is None:
            selected[tag] = {"vr": key.get("vr", "UN")}
            continue
        wanted = (key.get("Value") or [None])[0] if element["vr"] == "SQ" else None
        if wanted and element.get("Value"):
            items = [select_keys(item, wanted) for item in element["Value"]]
            selected[tag] = {"vr": "SQ", "Value": items}
        else:
            selected[tag] = element
    return selected


def _element_test(tag: str, element: JsonObject, *, is_fuzzy: bool) -> _Test | None:
    """Return the test of one key; None for universal matching, and for keys of bytes."""
    vr = element.get("vr", "UN")
    if vr == "SQ":
        return _sequence_test(element, is_fuzzy=is_fuzzy)
    values = [text for text in _texts(element) if text and text != "*"]
    if not values:
        return None
    for value in values:
        _check(tag, value)
    if values == [EMPTY]:
        return lambda found: not _texts(found)
    one: Callable[[str], Callable[[str], bool]]
    if vr in _SPANS:
        one = _span_test(tag, vr)
    elif vr in _NUMBERS:
        one = _number_test
    elif vr == "PN":
        return _name_test(values, is_fuzzy=is_fuzzy)
    elif vr in _TEXTS:
        one = _exactly if vr in _WITHOUT_WILDCARDS else _text_test
    else:
        return None
    tests = [one(value) for value in values]
    return lambda found: any(test(text) for text in _texts(found) for test in tests)


def _check(tag: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH or value.count("*") + value.count("?") > MAX_WILDCARDS:
        message = f"The value of {tag} is too long or too wild."
        raise InvalidRequestError(message)


def _texts(element: JsonObject | None) -> list[str]:
    """Return the values as texts; the groups of a name with equal signs between."""
    texts = []
    for value in (element or {}).get("Value") or ():
        if isinstance(value, dict):
            groups = [str(value.get(kind) or "") for kind in _GROUPS]
            texts.append("=".join(groups).rstrip("="))
        elif value is not None:
            texts.append(str(value).strip())
    return [text for text in texts if text]


def _sequence_test(element: JsonObject, *, is_fuzzy: bool) -> _Test | None:
    items = element.get("Value") or []
    if not items or not items[0]:
        return None
    matches = compile_keys(items[0], is_fuzzy=is_fuzzy)

    def test(found: JsonObject | None) -> bool:
        # Where all keys are universal, a sequence without items matches, too.
        return any(matches(item) for item in (found or {}).get("Value") or [{}])

    return test


def _exactly(value: str) -> Callable[[str], bool]:
    return lambda text: text == value


def _number_test(value: str) -> Callable[[str], bool]:
    try:
        number = float(value)
    except ValueError:
        return _exactly(value)

    def test(text: str) -> bool:
        try:
            return float(text) == number
        except ValueError:
            return False

    return test


def _text_test(value: str) -> Callable[[str], bool]:
    if "*" not in value and "?" not in value:
        return _exactly(value)
    pattern = wildcard_pattern(value)
    return lambda text: pattern.fullmatch(text) is not None


def wildcard_pattern(value: str) -> re.Pattern[str]:
    """Return the expression of a value with wildcards, whose time is bounded.

    Parameters
    ----------
    value : text with ``*`` for any characters and ``?`` for one

    Notes
    -----
    Groups are atomic: a piece once found is not looked for further on, so that many stars take no
    longer than one.
    """
    first, *rest = (_piece(piece) for piece in re.sub(r"\*+", "*", value).split("*"))
    middle, last = rest[:-1], rest[-1] if rest else None
    source = first + "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(source if last is None else f"{source}.*{last}", re.DOTALL)


def _piece(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)


def _name_test(values: list[str], *, is_fuzzy: bool) -> _Test:
    tests = [_one_name_test(value, is_fuzzy=is_fuzzy) for value in values]

    def test(found: JsonObject | None) -> bool:
        names = [[fold_text(group) for group in text.split("=")] for text in _texts(found)]
        return any(one(groups) for groups in names for one in tests)

    return test


def _one_name_test(value: str, *, is_fuzzy: bool) -> Callable[[list[str]], bool]:
    if is_fuzzy:
        words = fold_text(value.replace("*", " ")).split()
        return lambda groups: _has_words(words, " ".join(groups))
    wanted = [_text_test(fold_text(group)) if group else None for group in value.split("=")]
    if len(wanted) == 1:
        return lambda groups: any(wanted[0](group) for group in groups if group and wanted[0])

    def test(groups: list[str]) -> bool:
        padded = groups + [""] * (len(wanted) - len(groups))
        return all(one is None or one(group) for one, group in zip(wanted, padded, strict=False))

    return test


def _has_words(words: list[str], name: str) -> bool:
    parts = name.split()
    return all(any(part.startswith(word) for part in parts) for word in words)


def _span_test(tag: str, vr: str) -> Callable[[str], Callable[[str], bool]]:
    def one(value: str) -> Callable[[str], bool]:
        low, high = _range(tag, vr, value)
        return lambda text: low <= _start(vr, text) <= high

    return one


def _start(vr: str, text: str) -> str:
    """Return what a stored value compares by; a broken one lies outside of every range."""
    try:
        return _SPANS[vr](text)[0]
    except ValueError:
        return ""


def _range(tag: str, vr: str, value: str) -> tuple[str, str]:
    """Return first and last text of a value or a range."""
    span = _SPANS[vr]
    try:
        if "-" not in value or (vr == "DT" and _is_moment(value)):
            return span(value)
        for first, last in _halves(value):
            try:
                return span(first)[0] if first else "0", span(last)[1] if last else "9" * 20
            except ValueError:
                continue
        return span(value)
    except ValueError as error:
        message = f"{value[:64]!r} is no value or range of {tag}: {error}"
        raise InvalidRequestError(message) from error


def _is_moment(value: str) -> bool:
    """Whether the hyphen is the sign of an offset from UTC, not that of a range."""
    try:
        moment_span(value)
    except ValueError:
        return False
    return True


def _halves(value: str) -> list[tuple[str, str]]:
    places = [place for place, char in enumerate(value) if char == "-"]
    return [(value[:place], value[place + 1 :]) for place in places]


def _combined_ranges(keys: JsonObject) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    found = []
    for date, time in _DATES_WITH_TIMES.items():
        days, hours = _texts(keys.get(date)), _texts(keys.get(time))
        if len(days) != 1 or len(hours) != 1 or "-" not in days[0] or "-" not in hours[0]:
            continue
        first_day, last_day = _range(date, "DA", days[0])
        first_hour, last_hour = _range(time, "TM", hours[0])
        span = (first_day + first_hour.ljust(12, "0"), last_day + last_hour[:12])
        found.append(((date, time), span))
    return found


def _joined(ds: JsonObject, date: str, time: str) -> str:
    days, hours = _texts(ds.get(date)), _texts(ds.get(time))
    if not days:
        return ""
    return _start("DA", days[0]) + (_start("TM", hours[0]) if hours else "0" * 12)
