"""A search as a request says it: criteria, which part, and what to return of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from archive.errors import InvalidRequestError
from archive.fhir.parameters import UnknownParameterError, parse_criterion
from archive.query.criteria.types import Slice, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.fhir.registry import Kind
    from archive.query.criteria.types import Criterion

DEFAULT_COUNT, MAX_COUNT, MAX_PARAMETERS, MAX_ORDERS = 20, 200, 60, 3
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
# Where the next page goes on: a row, which stays where it is whatever is stored meanwhile.
AFTER = "_after"
_RESULTS = frozenset(
    {"_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", AFTER}
)
# How the answer is written, which is no part of what is asked.
_FORMAT = frozenset({"_format", "_pretty", "csrfmiddlewaretoken"})


class Parameters(Protocol):
    """What a form or a query gives."""

    def lists(self) -> Iterable[tuple[str, list[str]]]:
        """Return names with all their values."""


@dataclass(frozen=True)
class SearchRequest:
    """A search and how its answer is to look; ``used`` says it again, for links."""

    criteria: tuple[Criterion, ...]
    wanted: Slice
    includes: tuple[str, ...] = ()
    revincludes: tuple[str, ...] = ()
    summary: str = "false"
    elements: frozenset[str] = frozenset()
    is_total_left_out: bool = False
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


def parse_search(
    kind: Kind, parameters: Parameters, *, fhir_url: str, is_strict: bool
) -> SearchRequest:
    """Read the parameters of a search.

    Parameters
    ----------
    kind
        what is searched
    parameters
        of the address and the form
    fhir_url
        of this service: references may be absolute
    is_strict
        refuse unknown parameters, which are passed over else

    Raises
    ------
    InvalidRequestError
        A parameter is not supported, or its value is malformed.
    """
    pairs = [(name, value) for name, values in parameters.lists() for value in values]
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidRequestError(f"A search has at most {MAX_PARAMETERS} parameters.")
    results: dict[str, list[str]] = {}
    criteria, used, ignored = [], [], []
    for name, value in pairs:
        if name in _FORMAT:
            continue
        control, _, modifier = name.partition(":")
        if modifier and control in _RESULTS | _FORMAT:
            message = f"The modifier {modifier[:64]!r} is not supported for {control}."
            raise InvalidRequestError(message, code="unsupported-modifier")
        if name in _RESULTS:
            results.setdefault(name, []).append(value)
        else:
            try:
                criteria.append(parse_criterion(kind, name, value.replace(f"{fhir_url}/", "")))
            except UnknownParameterError as error:
                if is_strict:
                    raise
                ignored.append(error.message)
                continue
        if name != AFTER:
            used.append((name, value))
    return _request(kind, tuple(criteria), results, tuple(used), tuple(ignored))


def _request(
    kind: Kind,
    criteria: tuple[Criterion, ...],
    results: Mapping[str, list[str]],
    used: tuple[tuple[str, str], ...],
    ignored: tuple[str, ...],
) -> SearchRequest:
    summary = _one(results, "_summary", SUMMARIES) or "false"
    total = _one(results, "_total", TOTALS)
    count = 0 if summary == "count" else _count(results)
    wanted = Slice(
        count=min(count, MAX_COUNT),
        after=results.get(AFTER, [""])[-1],
        order=_order(kind, results),
        is_total_wanted=total == "accurate" or not count,
        is_total_left_out=total == "none" and bool(count),
    )
    return SearchRequest(
        criteria=criteria,
        wanted=wanted,
        includes=_listed(results, "_include"),
        revincludes=_listed(results, "_revinclude"),
        summary=summary,
        elements=frozenset(_listed(results, "_elements")),
        is_total_left_out=total == "none",
        used=used,
        ignored=ignored,
    )


def _one(results: Mapping[str, list[str]], name: str, allowed: tuple[str, ...]) -> str:
    value = results.get(name, [""])[-1]
    if value and value not in allowed:
        raise InvalidRequestError(f"{name} is one of {', '.join(allowed)}.")
    return value


def _count(results: Mapping[str, list[str]]) -> int:
    text = results.get("_count", [str(DEFAULT_COUNT)])[-1]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidRequestError("_count is a whole number, 0 or more.")
    return int(text)


def _order(kind: Kind, results: Mapping[str, list[str]]) -> tuple[SortKey, ...]:
    texts = _listed(results, "_sort")
    keys = tuple(SortKey(text.removeprefix("-"), text.startswith("-")) for text in texts)
    if len(keys) > MAX_ORDERS or not {key.name for key in keys} <= set(kind.orders):
        allowed = ", ".join(kind.orders) or "nothing"
        message = (
            f"_sort takes {allowed} here, {MAX_ORDERS} at most with commas between, "
            "each with a minus for the last first."
        )
        raise InvalidRequestError(message)
    return keys


def _listed(results: Mapping[str, list[str]], name: str) -> tuple[str, ...]:
    texts = [part.strip() for value in results.get(name, []) for part in value.split(",")]
    if len(texts) > MAX_PARAMETERS:
        raise InvalidRequestError(f"{name} has too many values.")
    return tuple(dict.fromkeys(text for text in texts if text))
