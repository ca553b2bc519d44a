"""The same image under two patients: near by vector, then verified by keypoints and pixels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archive.errors import ArchiveError
from archive.models import Instance
from inference.models import Embedding
from inference.similarity.pictures import stored_picture
from inference.similarity.quality.quantiles import level_quantiles, percentile_of
from inference.similarity.suspicions.neighbours import nearest_of_others

if TYPE_CHECKING:
    import numpy.typing as npt

    from inference.models import EmbeddingSpace
    from inference.pipelines.keypoints import Verification

logger = logging.getLogger(__name__)

# Images of a series that are looked at, evenly spaced; a mixed-up series shares them all.
PROBES = 3
CANDIDATES = 2
# Of random pairs, so many are less alike than two copies of an image ever are.
LEAST_PERCENTILE = 99.0


@dataclass(frozen=True, slots=True)
class Twin:
    """Two images, one of each of two series, that are one picture."""

    other_series_id: int
    instance_uid: str
    frame: int | None
    other_instance_uid: str
    other_frame: int | None
    score: float
    verification: Verification


def find_twins(space: EmbeddingSpace, series_id: int) -> list[Twin]:
    """Find series of other patients that hold an image of this series.

    Parameters
    ----------
    space : the space to find candidates in
    series_id : key of an embedded series

    Returns
    -------
    One twin a series, the surest pair of images of it.
    """
    quantiles = level_quantiles(space, Embedding.Level.INSTANCE)
    best: dict[int, Twin] = {}
    for row in _probes(space, series_id):
        for near in nearest_of_others(space, row, CANDIDATES):
            percentile = percentile_of(near.score, quantiles)
            is_close = percentile is None or percentile >= LEAST_PERCENTILE
            if not is_close or near.series_id in best or near.instance_id is None:
                continue
            twin = _verified(row, near.series_id, near.instance_id, near.score)
            if twin is not None:
                best[near.series_id] = twin
    return list(best.values())


def _probes(space: EmbeddingSpace, series_id: int) -> list[Embedding]:
    rows = Embedding.objects.filter(
        space=space, series_id=series_id, level=Embedding.Level.INSTANCE, instance__withheld=""
    ).select_related("study")
    keys = list(rows.order_by("instance__instance_number", "pk").values_list("pk", flat=True))
    if not keys:
        return []
    places = (np.arange(PROBES) + 0.5) * len(keys) / PROBES
    chosen = {keys[int(place)] for place in places}
    return list(rows.filter(pk__in=chosen).order_by("pk"))


def _verified(
    row: Embedding, other_series_id: int, other_instance_id: int, score: float
) -> Twin | None:
    instances = Instance.objects.select_related("blob").in_bulk(
        [key for key in (row.instance_id, other_instance_id) if key is not None]
    )
    ours, theirs = instances.get(row.instance_id or 0), instances.get(other_instance_id)
    if ours is None or theirs is None:
        return None
    pictures = [_picture(one) for one in (ours, theirs)]
    if pictures[0] is None or pictures[1] is None:
        return None
    # scikit-image costs every process that imports it: only those that look for twins pay.
    from inference.pipelines.keypoints import verify_same_picture  # noqa: PLC0415

    verification = verify_same_picture(pictures[0], pictures[1])
    if not verification.is_same:
        return None
    return Twin(
        other_series_id=other_series_id,
        instance_uid=ours.sop_instance_uid,
        frame=_middle(ours),
        other_instance_uid=theirs.sop_instance_uid,
        other_frame=_middle(theirs),
        score=score,
        verification=verification,
    )


def _picture(instance: Instance) -> npt.NDArray[np.uint8] | None:
    try:
        return stored_picture(instance)
    except ArchiveError as error:
        logger.warning("picture not compared", extra={"instance": instance.pk, "code": error.code})
        return None


def _middle(instance: Instance) -> int | None:
    frames = instance.number_of_frames or 1
    return frames // 2 + 1 if frames > 1 else None
