"""The similar page's address as its state: what changes when something is added or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import QueryDict
from django.urls import reverse

from inference.portal.fields import region_text
from inference.portal.forms import K_CHOICES
from inference.similarity.types import Level, PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference.similarity.types import SimilarQuery

EXAMPLES = ("positive", "negative")
QUESTION = frozenset(
    {"study", "series", "instance", "frame", "region", "level", "space", "k", "search", *EXAMPLES}
)


def page_address(state: QueryDict) -> str:
    """Return the similar page in this state."""
    query = state.urlencode()
    path = reverse("similarity:similar-page")
    return f"{path}?{query}" if query else path


def tidy(state: QueryDict) -> QueryDict:
    """Return a copy without empty values and without what is no part of a state."""
    kept = QueryDict(mutable=True)
    for name, values in state.lists():
        if name != "csrfmiddlewaretoken" and any(values):
            kept.setlist(name, [value for value in values if value])
    return kept


def without(state: QueryDict, name: str, value: str | None = None) -> QueryDict:
    """Return the state without a name, or without one of its values."""
    left = tidy(state)
    remaining = [one for one in left.getlist(name) if value is not None and one != value]
    if remaining:
        left.setlist(name, remaining)
    else:
        left.pop(name, None)
    return left


def unfiltered(state: QueryDict) -> QueryDict:
    """Return the state with its question and examples, but without words and filters."""
    kept = QueryDict(mutable=True)
    for name, values in tidy(state).lists():
        if name in QUESTION:
            kept.setlist(name, values)
    return kept


def with_example(state: QueryDict, name: str, uid: str) -> QueryDict:
    """Return the state with an example for or against; the same again takes it back."""
    was_there = uid in state.getlist(name)
    changed = state
    for one in EXAMPLES:
        changed = without(changed, one, uid)
    if not was_there:
        changed.appendlist(name, uid)
    return changed


def state_of(query: SimilarQuery) -> QueryDict:
    """Return the state that asks a question anew; a picture is no part of it."""
    state = QueryDict(mutable=True)
    filters = query.filters
    single = {
        "study": query.study,
        "series": query.series,
        "instance": query.instance,
        "frame": query.frame,
        "region": region_text(query.region) if query.region else "",
        "text": query.text,
        "space": query.space,
        "k": "" if query.k == K_CHOICES[0] else query.k,
        "level": "" if query.level is Level.SERIES else query.level.value,
        "patient": "" if query.patient is PatientScope.EXCLUDE else query.patient.value,
        "date_from": filters.date_from,
        "date_to": filters.date_to,
        "age_from": filters.age_from,
        "age_to": filters.age_to,
    }
    for name, value in single.items():
        if value not in ("", None):
            state[name] = str(value)
    lists: dict[str, Iterable[str]] = {
        "positive": query.positive,
        "negative": query.negative,
        "attribute": (f"{keyword}={value}" for keyword, value in filters.attribute),
    }
    names = ("modality", "body_part", "laterality", "view", "sex", "manufacturer")
    lists |= {name: getattr(filters, name) for name in (*names, "project", "label", "finding")}
    for name, values in lists.items():
        if found := [str(value) for value in values]:
            state.setlist(name, found)
    return state
