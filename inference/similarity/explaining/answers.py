"""From ranked keys to what the asker reads: identifiers, scores, pictures, reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.models import Instance, Series
from archive.models.prepared import Prepared
from inference.models import Embedding
from inference.similarity.explaining.agreement import (
    attributes_of_query,
    attributes_of_series,
    compare_attributes,
)
from inference.similarity.explaining.explanation import (
    best_pairs,
    closest_instances,
    middle_instances,
)
from inference.similarity.metrics import score_kind
from inference.similarity.quality.quantiles import level_quantiles, percentile_of
from inference.similarity.selectors import labels_of
from inference.similarity.types import Explanation, Level, SimilarResult, SlicePair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.models import EmbeddingSpace
    from inference.similarity.questions import Question
    from inference.similarity.ranking import RankedRow
    from inference.similarity.types import SimilarQuery

_SERIES = Prepared(
    lambda _, keys: Series.objects.order_by().select_related("study__patient").filter(pk__in=keys),
    is_exact=True,
)
_UIDS = Prepared(
    lambda _, keys: (
        Instance.objects.filter(pk__in=keys, withheld=Instance.Withheld.NOT)
        .order_by()
        .values_list("pk", "sop_instance_uid")
    ),
    is_exact=True,
)
_HOLDS_SERIES = frozenset({Level.SERIES, Level.STUDY})


def build_results(
    *,
    space: EmbeddingSpace,
    query: SimilarQuery,
    question: Question,
    rows: Sequence[RankedRow],
    siblings: Mapping[int, int],
) -> tuple[SimilarResult, ...]:
    """Fill ranked keys with what people and programs read.

    Parameters
    ----------
    space : that was searched
    query : as asked
    question : as resolved
    rows : inside the asker's rights, best first
    siblings : patient's key to what was folded

    Returns
    -------
    One result a row, in the same order.
    """
    filled = _Filling(space, query, question, rows)
    return tuple(filled.result(row, siblings.get(row.patient_id, 0)) for row in rows)


class _Filling:
    """Everything about all rows, read in one query each."""

    def __init__(
        self,
        space: EmbeddingSpace,
        query: SimilarQuery,
        question: Question,
        rows: Sequence[RankedRow],
    ) -> None:
        self._query = query
        self._question = question
        self._score_kind = score_kind(space.metric)
        series_ids = list(dict.fromkeys(row.series_id for row in rows))
        of_series = query.level in _HOLDS_SERIES
        closest: dict[int, int] = {}
        if of_series and question.has_vector:
            closest = closest_instances(space, question.vector, series_ids)
        elif of_series:
            closest = middle_instances(series_ids)
        self._instance_ids = {
            row.embedding_id: row.instance_id or closest.get(row.series_id) for row in rows
        }
        self._series: dict[int, Series] = {one.pk: one for one in _SERIES(None, keys=series_ids)}
        wanted = [key for key in self._instance_ids.values() if key is not None]
        self._uids = dict(_UIDS(None, keys=wanted)) if wanted else {}
        hits = [(row.study_id, row.series_id, row.instance_id) for row in rows]
        names = labels_of(query.level, hits)
        self._labels = {row.embedding_id: name for row, name in zip(rows, names, strict=True)}
        self._pairs: dict[int, SlicePair] = {}
        if query.explain and of_series:
            self._pairs = best_pairs(space, question.objects, series_ids)
        if query.explain:
            self._ours = attributes_of_query(question.objects, question.attributes)
            self._theirs = attributes_of_series(self._series.values())
        self._query_labels = _labels_of_query(question, query.level)
        stored = Embedding.Level.SERIES if of_series else Embedding.Level.INSTANCE
        self._quantiles = level_quantiles(space, stored)

    def result(self, row: RankedRow, siblings: int) -> SimilarResult:
        series = self._series[row.series_id]
        study = series.study
        instance_uid = self._uids.get(self._instance_ids[row.embedding_id] or 0, "")
        frame = row.frame
        if self._query.level is Level.FRAME and frame is None:
            frame = 1
        return SimilarResult(
            study_uid=study.study_instance_uid,
            series_uid=series.series_instance_uid,
            instance_uid=instance_uid,
            frame=frame,
            score=round(row.score, 6),
            score_kind=self._score_kind,
            percentile=percentile_of(row.score, self._quantiles),
            siblings=siblings,
            thumbnail=thumbnail_path(series, instance_uid, row.frame),
            labels=self._labels[row.embedding_id],
            explain=self._explanation(row, series) if self._query.explain else None,
            modality=series.modality,
            body_part=series.body_part_examined,
            study_date=study.study_date,
            study_description=study.study_description,
            series_description=series.series_description,
            patient_sex=study.patient.patient_sex,
            patient_age=study.patient_age,
        )

    def _explanation(self, row: RankedRow, series: Series) -> Explanation:
        agrees, differs = compare_attributes(self._ours, self._theirs[row.series_id])
        labels = set(self._labels[row.embedding_id])
        return Explanation(
            agrees=agrees,
            differs=differs,
            shared_labels=tuple(sorted(labels & self._query_labels)),
            best_pair=self._pairs.get(row.series_id),
        )


def thumbnail_path(series: Series, instance_uid: str, frame: int | None) -> str:
    """Return where the picture of a hit is served, for a session or token with the right.

    Parameters
    ----------
    series : with its study
    instance_uid : empty for the series' own thumbnail
    frame : from 1; None for the instance's own thumbnail

    Returns
    -------
    A path of the DICOMweb door.
    """
    path = f"/dicom-web/studies/{series.study.study_instance_uid}/series/"
    path += series.series_instance_uid
    if instance_uid:
        path += f"/instances/{instance_uid}"
        if frame is not None:
            path += f"/frames/{frame}"
    return f"{path}/thumbnail"


def _labels_of_query(question: Question, level: Level) -> set[str]:
    hits = [(found.study_id, found.series_id, found.instance_id) for found in question.objects]
    return {
        name
        for hit in hits
        for names in labels_of(Level.STUDY if hit[1] is None else level, [hit])
        for name in names
    }
