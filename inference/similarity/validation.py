"""Refuse a query that can't be answered, naming the field, before anything is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from inference.similarity.errors import InvalidQueryError
from inference.similarity.types import MAX_EXAMPLES, MAX_K, MAX_TEXT_LENGTH, PatientScope

if TYPE_CHECKING:
    from inference.similarity.types import Filters, SimilarQuery


def check_query(query: SimilarQuery) -> None:
    """Check a query's fields against each other.

    Parameters
    ----------
    query : as the door understood it

    Raises
    ------
    InvalidQueryError
        A field is out of bounds or contradicts another.
    """
    if not 1 <= query.k <= MAX_K:
        raise InvalidQueryError(
            gettext("k is a number from 1 to %(most)s.") % {"most": MAX_K}, field="k"
        )
    _check_text(query)
    _check_parts(query)
    _check_examples(query)
    _check_filters(query.filters)


def _check_parts(query: SimilarQuery) -> None:
    has_object = bool(query.study or query.series or query.instance)
    if not (has_object or query.image or query.positive or query.text.strip()):
        message = "Ask by one or more of study, series, instance, image, text and positive."
        raise InvalidQueryError(message, field="query")
    for field in ("frame", "region"):
        if getattr(query, field) is not None and not (query.instance or query.image):
            raise InvalidQueryError(
                gettext("A %(field)s belongs to an instance or image.") % {"field": field},
                field=field,
            )
    if query.frame is not None and query.frame < 1:
        raise InvalidQueryError(gettext("Frames are counted from 1."), field="frame")
    if query.patient is PatientScope.ONLY and not (has_object or query.positive):
        message = "An uploaded image or a text has no patient to search within."
        raise InvalidQueryError(message, field="patient")


def _check_examples(query: SimilarQuery) -> None:
    for field in ("positive", "negative"):
        if len(getattr(query, field)) > MAX_EXAMPLES:
            raise InvalidQueryError(f"At most {MAX_EXAMPLES} examples.", field=field)
    if set(query.positive) & set(query.negative):
        message = "An instance is an example for or against, not both."
        raise InvalidQueryError(message, field="negative")


def _check_filters(filters: Filters) -> None:
    dates = (filters.date_from, filters.date_to)
    if dates[0] is not None and dates[1] is not None and dates[0] > dates[1]:
        raise InvalidQueryError(
            gettext("The range of dates ends before it begins."), field="date_to"
        )
    ages = (filters.age_from, filters.age_to)
    if ages[0] is not None and ages[1] is not None and ages[0] > ages[1]:
        raise InvalidQueryError(gettext("The range of ages ends before it begins."), field="age_to")


def _check_text(query: SimilarQuery) -> None:
    """No text of a query may hold what PostgreSQL's text can't."""
    if len(query.text) > MAX_TEXT_LENGTH:
        message = f"A text has at most {MAX_TEXT_LENGTH} characters."
        raise InvalidQueryError(message, field="text")
    filters = query.filters
    texts: dict[str, tuple[str, ...]] = {
        "study": (query.study,),
        "series": (query.series,),
        "instance": (query.instance,),
        "text": (query.text,),
        "positive": query.positive,
        "negative": query.negative,
        "filters": (
            *filters.modality,
            *filters.body_part,
            *filters.laterality,
            *filters.view,
            *filters.manufacturer,
            *filters.sex,
            *filters.label,
            *filters.finding,
            *filters.project,
            *(text for pair in filters.attribute for text in pair),
        ),
    }
    for field, values in texts.items():
        if any("\x00" in value for value in values):
            raise InvalidQueryError(gettext("A NUL character is no part of a text."), field=field)
