"""Rank series by words, inside rights and filters: PostgreSQL's full text search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, F, Func, IntegerField, Value

from archive.dicom.charsets import fold_text
from inference.models import SeriesText
from inference.similarity.filters import permitted_rows, series_condition
from inference.similarity.ranking import RankedRow
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.filters import Scope

# Of a word in D: report, C: study description, B: series description, A: labels and findings.
# Reports are long and repeat themselves; a label is said once.
WEIGHTS = (0.05, 0.2, 0.4, 1.0)
# rank / (rank + 1): between 0 and 1, whatever the number of words.
NORMALIZATION = 32
# Words that more series have than this tell them apart little: the newest so many are ranked.
MAX_RANKED = 20_000
_NEGATION = re.compile(r"(?:^|\s)-\S")
_IMAGE_LEVELS = frozenset({Level.FRAME, Level.INSTANCE})


def text_query(text: str) -> Any:
    """Turn what a person typed into PostgreSQL's question.

    Words are looked for by their English stem and as they are written; quotes hold a phrase
    together, ``or`` is either, a minus before a word leaves out what has it.

    Parameters
    ----------
    text : as typed

    Returns
    -------
    An expression to filter and to rank by.
    """
    folded = fold_text(text.replace("_", " ").replace("/", " "))
    stemmed = SearchQuery(folded, config="english", search_type="websearch")
    if _NEGATION.search(folded):
        # Beside it, "not the word as written" would let its other forms in.
        return stemmed
    return stemmed | SearchQuery(folded, config="simple", search_type="websearch")


def rank_expression(asked: Any) -> SearchRank:
    """Return PostgreSQL's rank of a text: how densely it covers the words, by their weights.

    Parameters
    ----------
    asked : from `text_query`

    Returns
    -------
    An expression between 0 and 1.
    """
    return SearchRank(
        F("document"),
        asked,
        weights=list(WEIGHTS),
        normalization=Value(NORMALIZATION),
        cover_density=True,
    )


def rank_by_words(
    *,
    user: AnyUser,
    space: EmbeddingSpace,
    scope: Scope,
    text: str,
    limit: int,
    fold: bool,
) -> list[RankedRow]:
    """Return the series, studies or images whose words fit best.

    Parameters
    ----------
    user : only what they may see is ranked
    space : whose images stand for a series at frame and instance level
    scope : level, filters and what is left out, as for a search by vectors
    text : as typed
    limit : rows at most
    fold : one a patient

    Returns
    -------
    Rows, best first, with PostgreSQL's rank as their score. A row that stands for a series has
    minus the series' key in place of a vector's. Where more than `MAX_RANKED` series match, the
    newest of them are ranked.
    """
    found = _ranked(_matching(user, scope, text), text, _partition(scope.level, fold=fold), limit)
    if scope.level in _IMAGE_LEVELS:
        return _images(user, space, scope, found, limit, fold=fold)
    return [
        RankedRow(-series_id, study_id, series_id, None, None, patient_id, rank)
        for study_id, series_id, patient_id, rank in found
    ]


def count_matching_siblings(
    user: AnyUser, scope: Scope, text: str, patient_ids: Sequence[int]
) -> dict[int, int]:
    """Count what else of each patient has the words.

    Parameters
    ----------
    user : only what they may see is counted
    scope : level, filters and what is left out
    text : as typed
    patient_ids : keys of the patients in the answer

    Returns
    -------
    Patient's key to the number of their other matching studies, or else series.
    """
    unit = "study_id" if scope.level is Level.STUDY else "series_id"
    rows = _matching(user, scope, text).filter(study__patient_id__in=list(patient_ids)).order_by()
    counts = rows.values("study__patient_id").annotate(number=Count(unit, distinct=True))
    return dict(counts.values_list("study__patient_id", F("number") - 1))


def _matching(user: AnyUser, scope: Scope, text: str) -> Any:
    rows = SeriesText.objects.filter(series_condition(user, scope), document=text_query(text))
    return rows.order_by()


def _ranked(
    matching: Any, text: str, partition: str, limit: int
) -> list[tuple[int, int, int, float]]:
    """Rank matching series once, and only then fold and order them: their texts stay behind."""
    try:
        if matching[: MAX_RANKED + 1].count() > MAX_RANKED:
            newest = matching.order_by("-pk").values("pk")[:MAX_RANKED]
            matching = matching.filter(pk__in=newest)
        rank = rank_expression(text_query(text))
        columns = ("pk", "study_id", "series_id", "study__patient_id", "rank")
        sql, params = matching.annotate(rank=rank).values_list(*columns).query.sql_with_params()
    except EmptyResultSet:
        return []
    # The text is Django's own and our constants'; what was asked for is in its parameters.
    statement = (
        "WITH matched (id, study_id, series_id, patient_id, rank) AS MATERIALIZED"  # noqa: S608
        f" ({sql}), placed AS (SELECT *, row_number() OVER"
        f" (PARTITION BY {partition} ORDER BY rank DESC, id) AS place FROM matched)"
        " SELECT study_id, series_id, patient_id, rank FROM placed"
        " WHERE place = 1 ORDER BY rank DESC, id LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, limit])
        return list(cursor.fetchall())


def _partition(level: Level, *, fold: bool) -> str:
    if fold:
        return "patient_id"
    return "study_id" if level is Level.STUDY else "id"


def _images(
    user: AnyUser,
    space: EmbeddingSpace,
    scope: Scope,
    found: Sequence[tuple[int, int, int, float]],
    limit: int,
    *,
    fold: bool,
) -> list[RankedRow]:
    """Let the images of the series speak for them: one a patient where folded, else all."""
    ranks = {series_id: rank for _, series_id, _, rank in found}
    order = Func(
        Value(list(ranks)), F("series_id"), function="array_position", output_field=IntegerField()
    )
    columns = ("pk", "study_id", "series_id", "instance_id", "frame", "study__patient_id")
    rows: list[tuple[int, RankedRow]] = []
    for _, permitted in permitted_rows(user, space, scope):
        of_series = permitted.filter(series_id__in=list(ranks)).annotate(place=order)
        in_order = of_series.order_by(
            "place", F("instance__instance_number").asc(nulls_last=True), "frame", "pk"
        )
        if fold:
            in_order = in_order.distinct("place")
        for place, *keys in in_order.values_list("place", *columns)[:limit]:
            pk, study_id, series_id, instance_id, frame, patient_id = keys
            row = RankedRow(
                pk, study_id, series_id, instance_id, frame, patient_id, ranks[series_id]
            )
            rows.append((int(place), row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])[:limit]]
