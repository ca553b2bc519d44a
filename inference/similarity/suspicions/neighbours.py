"""The nearest of all the archive, for the archive's own checks: no asker, so no rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction
from pgvector.django import HalfVectorField

from inference.models import Embedding
from inference.similarity.metrics import operator, score_of

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace

# Through the index: a neighbour missed once in a while is found from its other side.
_EF_SEARCH = "200"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row near a vector, of another patient."""

    series_id: int
    instance_id: int | None
    frame: int | None
    score: float
    body_part: str
    modality: str


def nearest_of_others(space: EmbeddingSpace, row: Embedding, limit: int) -> list[Neighbour]:
    """Return the nearest rows of the same stored level, of all other patients.

    What was deleted or rejected, or is on trial, is nobody's neighbour.

    A study and its de-identified copy are no two patients here: where exactly one of two studies
    is de-identified, they are no neighbours.

    Parameters
    ----------
    space : whose vectors; its index is used where there is one
    row : stored vector with its study
    limit : neighbours at most

    Returns
    -------
    Nearest first.
    """
    # Dimension, level and operator are ours; the rest is in the parameters.
    halfvec = f"halfvec({int(space.dimension)})"
    statement = f"""
        SELECT near.series_id, near.instance_id, near.frame,
            near.vector::{halfvec} {operator(space.metric)} %s::{halfvec} AS distance,
            series.body_part_examined, series.modality
        FROM inference_embedding near
        JOIN archive_study study ON study.id = near.study_id
        JOIN archive_series series ON series.id = near.series_id
        WHERE near.space_id = {int(space.pk)} AND near.level = '{Embedding.Level(row.level).value}'
            AND near.patient_key > -1 AND series.withheld = ''
            AND study.patient_id <> %s AND study.is_deidentified = %s
        ORDER BY distance LIMIT %s
    """  # noqa: S608
    text = HalfVectorField().get_prep_value(row.vector)
    values = [text, row.study.patient_id, row.study.is_deidentified, limit]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
            " set_config('hnsw.ef_search', %s, true)",
            [_EF_SEARCH],
        )
        cursor.execute(statement, values)
        found = cursor.fetchall()
    rows = [
        Neighbour(*(*line[:3], score_of(space.metric, float(line[3])), *line[4:])) for line in found
    ]
    return sorted(rows, key=lambda near: -near.score)
