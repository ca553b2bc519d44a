"""Cases that look like this one, inside the asker's rights and filters."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from archive.audit import services as audit
from inference.similarity.explaining.answers import build_results
from inference.similarity.explaining.summary import summarise_neighbours
from inference.similarity.parts import rank_question
from inference.similarity.planning import DEFAULT_LIMITS
from inference.similarity.quality.closeness import judge_results
from inference.similarity.questions import resolve_question
from inference.similarity.spaces.registry import find_space
from inference.similarity.types import SimilarAnswer
from inference.similarity.validation import check_query

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.parts import Found
    from inference.similarity.planning import SearchLimits
    from inference.similarity.types import SimilarQuery, SimilarResult


def search_similar(
    user: AnyUser,
    query: SimilarQuery,
    *,
    asker: Asker | None = None,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> SimilarAnswer:
    """Rank what the user may see by its likeness to the query: by looks, by words, or by both.

    Parameters
    ----------
    user : the asker; nothing outside their rights reaches the answer in any form
    query : what to look for, where, and how many
    asker : written to the audit trail where given
    limits : measured numbers of the planner

    Returns
    -------
    At most ``query.k`` results, best first; fewer only where fewer exist.

    Raises
    ------
    NotVisibleError
        A query object is absent or outside the asker's rights.
    InvalidQueryError
        A field is wrong: its ``field`` says which. Children: UnknownSpaceError,
        UndecodableImageError.
    NotEmbeddedError
        The query object has no vector yet.
    ModelUnavailableError
        The query needs the space's encoder, and its file is not on this machine.
    """
    started = time.perf_counter()
    space = find_space(query.space)
    check_query(query)
    question = resolve_question(user, query, space)
    found = rank_question(user, query, question, space, limits)
    results = build_results(
        space=space, query=query, question=question, rows=found.rows, siblings=found.siblings
    )
    results, closeness = judge_results(
        space,
        query,
        question.attributes.modalities,
        _told_apart(results, found),
        [(found.looks or {}).get(row.embedding_id) for row in found.rows],
    )
    if asker is not None:
        details = {"space": space.name, "level": query.level.value, "results": len(results)}
        audit.record_query(asker, what="similar", details=details)
    return SimilarAnswer(
        results=results,
        space=space.name,
        level=query.level,
        exact=found.is_exact,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
        closeness=closeness,
        summary=summarise_neighbours(query.level, found.rows, results) if query.explain else (),
    )


def _told_apart(results: tuple[SimilarResult, ...], found: Found) -> tuple[SimilarResult, ...]:
    """Say of scores that are no likeness of pictures what they are; they have no percentile.

    Where series were compared slice by slice, say by what they are ordered.
    """
    if found.score_kind is None:
        return tuple(
            replace(result, rerank_score=found.reranked.get(row.embedding_id))
            for result, row in zip(results, found.rows, strict=True)
        )
    return tuple(
        replace(
            result,
            score_kind=found.score_kind,
            percentile=None,
            matched_by=found.matched_by.get(row.embedding_id, ()),
        )
        for result, row in zip(results, found.rows, strict=True)
    )
