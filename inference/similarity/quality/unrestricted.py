"""All vectors of a space without rights: to measure the archive by, never for an asker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.functions import Cast
from pgvector.django import HalfVectorField

from inference.models import Embedding
from inference.similarity.metrics import distance_function
from inference.similarity.permitted import Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from inference.models import EmbeddingSpace


def other_patients(
    space: EmbeddingSpace, level: str, vector: npt.NDArray[np.float32], patient_id: int
) -> list[Part]:
    """Select what a question of a patient may find in the whole archive.

    Parameters
    ----------
    space : whose vectors
    level : stored level
    vector : (dimension,) float32, the question
    patient_id : key of the patient who is left out

    Returns
    -------
    One part for `inference.similarity.ranking.rank`.
    """
    stored = Cast("vector", HalfVectorField(dimensions=space.dimension))
    rows = (
        Embedding.objects.filter(space_id=space.pk, level=level)
        .exclude(study__patient_id=patient_id)
        .annotate(distance=distance_function(space.metric)(stored, vector))
        .order_by()
        .values_list(
            "pk", "study_id", "series_id", "instance_id", "frame", "study__patient_id", "distance"
        )
    )
    return [Part(level, *rows.query.sql_with_params())]
