"""What a hit looks like to people: its closest image, what agrees with the query, its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from django.db import connection
from django.db.models import F, Q
from pgvector.django import HalfVectorField

from inference.models import Embedding, EmbeddingSpace
from inference.similarity.types import SlicePair

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from inference.similarity.questions import QueryObject

# The query's images that are compared with a result's: evenly spaced through the series.
MAX_QUERY_IMAGES = 16
# Results beyond these have no best pair: nobody reads so far, and every pair costs a distance.
MAX_EXPLAINED = 50
# What the copy of the patient's key is in the vectors of deleted and rejected images.
_WITHHELD = -1

_CLOSEST = """
WITH images AS MATERIALIZED (
    SELECT id, series_id, instance_id,
        vector::halfvec({dimension}) <=> %s::halfvec({dimension}) AS distance
    FROM {table}
    WHERE space_id = %s AND level = 'instance' AND series_id = ANY(%s)
        AND patient_key <> {withheld}
)
SELECT DISTINCT ON (series_id) series_id, instance_id FROM images
ORDER BY series_id, distance, id
"""
_MIDDLE = """
SELECT series_id, id FROM (
    SELECT series_id, id,
        row_number() OVER (PARTITION BY series_id ORDER BY instance_number NULLS LAST, id) AS place,
        count(*) OVER (PARTITION BY series_id) AS number
    FROM archive_instance
    WHERE series_id = ANY(%s) AND has_pixel_data AND withheld = ''
) images
WHERE place = number / 2 + 1
"""
_BEST_PAIRS = """
WITH pairs AS MATERIALIZED (
    SELECT theirs.series_id, ours.instance_id AS ours_id, theirs.instance_id AS theirs_id,
        ours.vector::halfvec({dimension}) <=> theirs.vector::halfvec({dimension}) AS distance
    FROM {table} ours, {table} theirs
    WHERE ours.id = ANY(%s)
        AND theirs.space_id = %s AND theirs.level = 'instance' AND theirs.series_id = ANY(%s)
        AND theirs.patient_key <> {withheld}
)
SELECT DISTINCT ON (pairs.series_id) pairs.series_id, our_instance.sop_instance_uid,
    their_instance.sop_instance_uid, distance
FROM pairs
JOIN archive_instance our_instance ON our_instance.id = ours_id
JOIN archive_instance their_instance ON their_instance.id = theirs_id
    AND their_instance.withheld = ''
ORDER BY pairs.series_id, distance, theirs_id, ours_id
"""


def closest_instances(
    space: EmbeddingSpace, vector: npt.NDArray[np.float32], series_ids: Sequence[int]
) -> dict[int, int]:
    """Find the image of each series that is closest to the query.

    Parameters
    ----------
    space : whose vectors to compare
    vector : (dimension,) float32, the query
    series_ids : keys of series inside the asker's rights

    Returns
    -------
    Key of the series to key of the instance; a series without instance vectors is absent.
    """
    text = HalfVectorField().get_prep_value(vector)
    with connection.cursor() as cursor:
        cursor.execute(_statement(_CLOSEST, space), [text, space.pk, list(series_ids)])
        return dict(cursor.fetchall())


def middle_instances(series_ids: Sequence[int]) -> dict[int, int]:
    """Choose the image in the middle of each series, where no vector says which is closest.

    Parameters
    ----------
    series_ids : keys of series inside the asker's rights

    Returns
    -------
    Key of the series to key of the instance; a series without images is absent.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MIDDLE, [list(series_ids)])
        return dict(cursor.fetchall())


def best_pairs(
    space: EmbeddingSpace, objects: Sequence[QueryObject], series_ids: Sequence[int]
) -> dict[int, SlicePair]:
    """Find the two images that look most alike between the query and each series.

    Parameters
    ----------
    space : whose vectors to compare
    objects : what the query came from
    series_ids : keys of series inside the asker's rights

    Returns
    -------
    Key of the series to its pair, of the first `MAX_EXPLAINED` series.
    """
    ours = _query_images(space, objects)
    if not ours:
        return {}
    theirs = list(series_ids)[:MAX_EXPLAINED]
    with connection.cursor() as cursor:
        cursor.execute(_statement(_BEST_PAIRS, space), [ours, space.pk, theirs])
        return {
            series_id: SlicePair(
                query_instance_uid=our_uid,
                result_instance_uid=their_uid,
                score=max(-1.0, min(1.0, 1.0 - float(distance))),
            )
            for series_id, our_uid, their_uid, distance in cursor.fetchall()
        }


def _query_images(space: EmbeddingSpace, objects: Sequence[QueryObject]) -> list[int]:
    of_any = Q(pk__in=[])
    for found in objects:
        if found.instance_id is not None:
            of_any |= Q(instance_id=found.instance_id)
        elif found.series_id is not None:
            of_any |= Q(series_id=found.series_id, instance__withheld="")
        else:
            # No more than it shows.
            of_any |= Q(study_id=found.study_id, series__withheld="", instance__withheld="")
    rows = Embedding.objects.filter(of_any, space=space, level=Embedding.Level.INSTANCE)
    in_order = rows.order_by("series_id", F("instance__instance_number").asc(nulls_last=True), "pk")
    keys = list(in_order.values_list("pk", flat=True))
    chosen = np.linspace(0, len(keys) - 1, min(len(keys), MAX_QUERY_IMAGES)).round()
    return [keys[int(position)] for position in chosen]


def _statement(template: str, space: EmbeddingSpace) -> str:
    table = Embedding._meta.db_table  # noqa: SLF001 Django's documented API
    return template.format(dimension=int(space.dimension), table=table, withheld=_WITHHELD)
