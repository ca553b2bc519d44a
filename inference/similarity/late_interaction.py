"""Re-rank the nearest series slice by slice: what their mean vectors can't tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.db import connection
from django.db.models import F, Q

from inference.models import Embedding, EmbeddingSpace
from inference.pipelines.late_interaction import blend
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.similarity.questions import Question
    from inference.similarity.ranking import RankedRow
    from inference.similarity.types import SimilarQuery

# So many of the nearest series are compared slice by slice; the others stay behind them.
DEPTH = 50
# Evenly spaced slices of each series: at most DEPTH x 32 x 32 distances a search.
MAX_SLICES = 32
# Their distance is that of unit vectors.
_METRICS = (EmbeddingSpace.Metric.COSINE, EmbeddingSpace.Metric.BHATTACHARYYA)

_LATE = """
WITH ours AS MATERIALIZED (
    SELECT id, vector::halfvec({dimension}) AS vector FROM {table} WHERE id = ANY(%s)
), placed AS MATERIALIZED (
    SELECT slice.id, slice.series_id, count(*) OVER (PARTITION BY slice.series_id) AS total,
        row_number() OVER (PARTITION BY slice.series_id
            ORDER BY instance.instance_number NULLS LAST, slice.id) - 1 AS place
    FROM {table} slice JOIN archive_instance instance ON instance.id = slice.instance_id
    WHERE slice.space_id = %s AND slice.level = 'instance' AND slice.series_id = ANY(%s)
        AND instance.withheld = ''
), theirs AS MATERIALIZED (
    SELECT id, series_id, vector::halfvec({dimension}) AS vector FROM {table}
    -- An array, so that the few are looked up by their keys however many vectors there are.
    WHERE id = ANY(ARRAY(SELECT id FROM placed WHERE total <= {most} OR place = 0
        OR place * {most} / total <> (place - 1) * {most} / total))
), pairs AS MATERIALIZED (
    SELECT ours.id AS our_id, theirs.id AS their_id, theirs.series_id,
        ours.vector <=> theirs.vector AS distance
    FROM ours CROSS JOIN theirs
), forth AS (
    SELECT series_id, sqrt(avg(nearest * nearest)) AS distance
    FROM (SELECT series_id, min(distance) AS nearest FROM pairs GROUP BY series_id, our_id) best
    GROUP BY series_id
), back AS (
    SELECT series_id, sqrt(avg(nearest * nearest)) AS distance
    FROM (SELECT series_id, min(distance) AS nearest FROM pairs GROUP BY series_id, their_id) best
    GROUP BY series_id
)
SELECT series_id, 1 - (forth.distance + back.distance) / 2 FROM forth JOIN back USING (series_id)
"""


@dataclass(frozen=True, slots=True)
class Reranked:
    """Rows in their new order, and the scores behind it by key of the row."""

    rows: list[RankedRow]
    scores: dict[int, float]


def slices_of_query(query: SimilarQuery, question: Question, space: EmbeddingSpace) -> list[int]:
    """Return the slices to compare with, where comparing slice by slice says anything.

    That is where series are searched by one or more stored series as they are: an image has no
    slices, examples move the mean vector alone, and of words and mixed queries only ranks count.

    Parameters
    ----------
    query : as asked; its ``rerank`` switches this off
    question : as resolved
    space : with a metric of unit vectors

    Returns
    -------
    Keys of at most `MAX_SLICES` embeddings of the query's images, evenly spaced in their series'
    order; none where nothing is to be re-ranked.
    """
    applies = (
        query.rerank is not False
        and query.level is Level.SERIES
        and space.metric in _METRICS
        and not (query.positive or query.negative or question.is_mixed)
        and question.has_vector
        and question.objects
        and all(found.instance_id is None for found in question.objects)
    )
    if not applies:
        return []
    of_any = Q(series_id__in=[found.series_id for found in question.objects if found.series_id])
    # Of a study no more than it shows.
    of_any |= Q(
        study_id__in=[found.study_id for found in question.objects if not found.series_id],
        series__withheld="",
    )
    rows = Embedding.objects.filter(
        of_any, space=space, level=Embedding.Level.INSTANCE, instance__withheld=""
    )
    in_order = rows.order_by("series_id", F("instance__instance_number").asc(nulls_last=True), "pk")
    keys = list(in_order.values_list("pk", flat=True))
    if len(keys) < 2:
        return []
    chosen = np.linspace(0, len(keys) - 1, min(len(keys), MAX_SLICES)).round()
    return [keys[int(position)] for position in chosen]


def rerank(space: EmbeddingSpace, ours: Sequence[int], rows: Sequence[RankedRow]) -> Reranked:
    """Order the nearest series by the blend of mean vectors and late interaction.

    Parameters
    ----------
    space : whose vectors to compare
    ours : keys of the query's slices, from `slices_of_query`
    rows : series inside the asker's rights and filters, best first; one a patient where folded,
        chosen by its mean vector

    Returns
    -------
    The same rows: the first `DEPTH` in their new order, then the others in their old one.
    """
    first, rest = list(rows[:DEPTH]), list(rows[DEPTH:])
    table = Embedding._meta.db_table  # noqa: SLF001 Django's documented API
    # Numbers and names are ours: nothing in the text comes from a request.
    statement = _LATE.format(dimension=int(space.dimension), table=table, most=MAX_SLICES)
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(ours), space.pk, [row.series_id for row in first]])
        late = {series_id: float(score) for series_id, score in cursor.fetchall()}
    scores = {
        row.embedding_id: round(blend(row.score, late[row.series_id]), 6)
        for row in first
        if row.series_id in late
    }
    # A series without slices of its own keeps the score of its mean vector.
    first.sort(key=lambda row: -scores.get(row.embedding_id, row.score))
    return Reranked([*first, *rest], scores)
