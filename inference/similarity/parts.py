"""The parts of a question ranked, each in its own way, and put together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inference.similarity.fusion import RANK_CONSTANT, FusedRow, fold_by_patient, fuse, unit_of
from inference.similarity.late_interaction import DEPTH, rerank, slices_of_query
from inference.similarity.permitted import compile_permitted
from inference.similarity.questions import scope_of
from inference.similarity.ranking import count_siblings, rank
from inference.similarity.types import ScoreKind
from inference.similarity.words.ranking import count_matching_siblings, rank_by_words

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser
    from inference.models import EmbeddingSpace
    from inference.similarity.filters import Scope
    from inference.similarity.permitted import Part
    from inference.similarity.planning import SearchLimits
    from inference.similarity.questions import Question, VisualPart
    from inference.similarity.ranking import RankedRow, Ranking
    from inference.similarity.types import SimilarQuery

# How deep each part of a mixed question is ranked: so many times k, and no less than this.
DEPTH_FACTOR = 10
LEAST_DEPTH = 200
_WORDS = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was ranked: rows, best first, and what is known of them besides.

    ``score_kind`` is None where the space's metric says it. ``matched_by`` is by key of the row;
    ``looks`` are the scores of the first visual part, by the same keys: None for words alone.
    ``reranked`` are the scores of series compared slice by slice, by the same keys.
    """

    rows: list[RankedRow]
    siblings: dict[int, int] = field(default_factory=dict)
    is_exact: bool = True
    score_kind: ScoreKind | None = None
    matched_by: dict[int, tuple[str, ...]] = field(default_factory=dict)
    looks: dict[int, float] | None = None
    reranked: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Search:
    """What every part of one search has in common."""

    user: AnyUser
    query: SimilarQuery
    question: Question
    space: EmbeddingSpace
    scope: Scope
    limits: SearchLimits

    def permitted(self, part: VisualPart) -> list[Part]:
        return compile_permitted(self.user, self.space, self.scope, part.vector)

    def ranked(self, permitted: list[Part], k: int, *, fold: bool) -> Ranking:
        return rank(
            space=self.space,
            permitted=permitted,
            level=self.query.level,
            k=k,
            fold=fold,
            limits=self.limits,
        )

    def ranked_by_words(self, limit: int, *, fold: bool) -> list[RankedRow]:
        return rank_by_words(
            user=self.user,
            space=self.space,
            scope=self.scope,
            text=self.question.words,
            limit=limit,
            fold=fold,
        )


def rank_question(
    user: AnyUser,
    query: SimilarQuery,
    question: Question,
    space: EmbeddingSpace,
    limits: SearchLimits,
) -> Found:
    """Rank a question of one part by its score, one of several by reciprocal rank.

    Every part is ranked inside the same rights and filters. Where there is a vector, as many
    results come as exist, up to k, whatever the words find.

    Parameters
    ----------
    user : the asker
    query : level, filters and how many
    question : resolved from the query
    space : in which its vectors lie
    limits : measured numbers of the planner

    Returns
    -------
    At most k rows with all that the ranking knows of them.
    """
    search = _Search(user, query, question, space, scope_of(query, question), limits)
    if question.is_mixed:
        return _mixed(search)
    return _by_looks(search) if question.has_vector else _by_words(search)


def _by_looks(search: _Search) -> Found:
    query = search.query
    permitted = search.permitted(search.question.parts[0])
    slices = slices_of_query(query, search.question, search.space)
    depth = max(query.k, DEPTH) if slices else query.k
    ranking = search.ranked(permitted, depth, fold=query.fold)
    rows, reranked = ranking.rows, dict[int, float]()
    if slices:
        ordered = rerank(search.space, slices, rows)
        rows, reranked = ordered.rows[: query.k], ordered.scores
    return Found(
        rows=rows,
        siblings=count_siblings(permitted, _patients(search, rows), query.level),
        is_exact=ranking.is_exact,
        looks={row.embedding_id: row.score for row in rows},
        reranked=reranked,
    )


def _by_words(search: _Search) -> Found:
    rows = search.ranked_by_words(search.query.k, fold=search.query.fold)
    patients = _patients(search, rows)
    siblings = (
        count_matching_siblings(search.user, search.scope, search.question.words, patients)
        if patients
        else {}
    )
    return Found(
        rows=rows,
        siblings=siblings,
        score_kind=ScoreKind.TEXT,
        matched_by={row.embedding_id: (_WORDS,) for row in rows},
    )


def _mixed(search: _Search) -> Found:
    query = search.query
    depth = max(query.k * DEPTH_FACTOR, LEAST_DEPTH)
    permitted = [search.permitted(part) for part in search.question.parts]
    visual = [search.ranked(rows, depth, fold=False) for rows in permitted]
    rankings = [
        (part.name, ranking.rows)
        for part, ranking in zip(search.question.parts, visual, strict=True)
    ]
    if search.question.words:
        rankings.append((_WORDS, search.ranked_by_words(depth, fold=False)))
    fused = fuse(rankings, query.level)
    if query.fold:
        fused = _completed(search, fold_by_patient(fused), permitted[0], depth)
    fused = fused[: query.k]
    rows = [one.row for one in fused]
    looks = {unit_of(row, query.level): row.score for row in visual[0].rows}
    return Found(
        rows=rows,
        siblings=count_siblings(permitted[0], _patients(search, rows), query.level),
        is_exact=all(ranking.is_exact for ranking in visual),
        score_kind=ScoreKind.RRF,
        matched_by={one.row.embedding_id: one.matched_by for one in fused},
        looks={
            row.embedding_id: looks[unit_of(row, query.level)]
            for row in rows
            if unit_of(row, query.level) in looks
        },
    )


def _completed(
    search: _Search, folded: list[FusedRow], permitted: list[Part], depth: int
) -> list[FusedRow]:
    """Add patients whom a few with very many objects kept out of the parts' first rows."""
    if len(folded) >= search.query.k:
        return folded
    known = {fused.row.patient_id for fused in folded}
    name = search.question.parts[0].name
    ranking = search.ranked(permitted, search.query.k + len(known), fold=True)
    more = [row for row in ranking.rows if row.patient_id not in known]
    return folded + [
        FusedRow(replace(row, score=1.0 / (RANK_CONSTANT + depth + place)), (name,))
        for place, row in enumerate(more, start=1)
    ]


def _patients(search: _Search, rows: list[RankedRow]) -> list[int]:
    return [row.patient_id for row in rows] if search.query.fold else []
