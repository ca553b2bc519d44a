"""From where on cases are new to a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Max
from django.utils import timezone

from inference.models import Embedding

if TYPE_CHECKING:
    from datetime import datetime

    from inference.similarity.types import SimilarQuery


def is_by_words_alone(query: SimilarQuery) -> bool:
    """Tell whether a question has nothing to look at.

    Parameters
    ----------
    query : any

    Returns
    -------
    True for text alone.
    """
    return not (query.study or query.series or query.instance or query.image or query.positive)


def looked_through(query: SimilarQuery) -> int:
    """Return where new matches of a question begin: now.

    Parameters
    ----------
    query : the search's question

    Returns
    -------
    The newest vector's key; for words alone, the time in microseconds.
    """
    if is_by_words_alone(query):
        return microseconds(timezone.now())
    return Embedding.objects.aggregate(newest=Max("pk"))["newest"] or 0


def microseconds(moment: datetime) -> int:
    """Return a time as a whole number.

    Parameters
    ----------
    moment : aware

    Returns
    -------
    Microseconds since 1970.
    """
    return round(moment.timestamp() * 1_000_000)
