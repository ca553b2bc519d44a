"""How far an answer can be trusted to be like its query at all; the rule is in `calibration`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference.models import Calibration, Embedding
from inference.similarity.quality.cuts import LOWEST_SHARE
from inference.similarity.types import Closeness, Filters, Level, PatientScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference.models import EmbeddingSpace
    from inference.similarity.types import SimilarQuery, SimilarResult

_STORED: dict[Level, str] = {
    Level.FRAME: Embedding.Level.INSTANCE,
    Level.INSTANCE: Embedding.Level.INSTANCE,
    Level.SERIES: Embedding.Level.SERIES,
    Level.STUDY: Embedding.Level.SERIES,
}


def judge_results(
    space: EmbeddingSpace,
    query: SimilarQuery,
    modalities: Iterable[str],
    results: Sequence[SimilarResult],
    looks: Sequence[float | None],
) -> tuple[tuple[SimilarResult, ...], Closeness]:
    """Say of an answer, and of each of its results, whether it is close.

    A query that does not say its modality, such as a plain picture, is judged by that of its
    nearest result. Nothing is out of distribution where filters or the choice of patients have
    kept results away.

    Parameters
    ----------
    space : that was searched
    query : as asked
    modalities : of the query; may be empty
    results : best first
    looks : of each result, its score by looks in the space's metric; None where words found it

    Returns
    -------
    The results with `is_close`, and the answer's closeness.
    """
    seen = [(score, row) for row, score in enumerate(looks) if score is not None]
    if not seen:
        return tuple(results), Closeness()
    nearest = results[max(seen)[1]]
    closeness = closeness_of(
        space,
        query.level,
        set(modalities) or {nearest.modality},
        [score for score, _ in seen],
        is_whole=query.filters == Filters() and query.patient is not PatientScope.ONLY,
    )
    judged = tuple(
        replace(result, is_close=is_close(score, closeness))
        for result, score in zip(results, looks, strict=True)
    )
    return judged, closeness


def closeness_of(
    space: EmbeddingSpace,
    level: Level,
    modalities: Iterable[str],
    scores: Sequence[float],
    *,
    is_whole: bool = True,
) -> Closeness:
    """Hold scores against the cut.

    Parameters
    ----------
    space : that was searched
    level : of the results
    modalities : of the query; the most lenient cut of them holds, that of all together where
        none of them is calibrated
    scores : of the results, in the space's own metric, in any order
    is_whole : nothing was filtered away: only then may the query be out of distribution

    Returns
    -------
    Closeness; without a cut where nothing is calibrated.
    """
    row = _calibration(space, _STORED[level], sorted(set(modalities)))
    if row is None:
        return Closeness()
    lowest = row.nearest_quantiles[round(LOWEST_SHARE * 100)]
    number = sum(score >= row.cut for score in scores)
    return Closeness(
        cut=row.cut,
        number_close=number,
        is_nothing_close=number == 0,
        is_out_of_distribution=is_whole and bool(scores) and max(scores) < lowest,
    )


def is_close(score: float | None, closeness: Closeness) -> bool | None:
    """Say whether a result counts as close.

    Parameters
    ----------
    score : in the space's own metric; None where there is none
    closeness : of the answer

    Returns
    -------
    None where nothing is calibrated, or there is nothing to compare.
    """
    if closeness.cut is None or score is None:
        return None
    return score >= closeness.cut


def _calibration(space: EmbeddingSpace, level: str, modalities: list[str]) -> Calibration | None:
    rows = {
        row.modality: row
        for row in Calibration.objects.filter(
            space=space, level=level, modality__in=["", *modalities]
        )
    }
    own = [rows[name] for name in modalities if name and name in rows]
    return min(own, key=lambda row: row.cut) if own else rows.get("")
