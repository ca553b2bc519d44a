"""Cases that look like this one, inside the asker's rights and filters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from archive.audit import services as audit
from inference.similarity.answers import build_results
from inference.similarity.permitted import compile_permitted
from inference.similarity.planning import DEFAULT_LIMITS
from inference.similarity.questions import resolve_question, scope_of
from inference.similarity.ranking import count_siblings, rank
from inference.similarity.spaces import find_space
from inference.similarity.types import SimilarAnswer
from inference.similarity.validation import check_query

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.planning import SearchLimits
    from inference.similarity.types import SimilarQuery


def search_similar(
    user: AnyUser,
    query: SimilarQuery,
    *,
    asker: Asker | None = None,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> SimilarAnswer:
    """Rank what the user may see by visual similarity to the query.

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
        NoTextEncoderError, UndecodableImageError.
    NotEmbeddedError
        The query object has no vector yet.
    ModelUnavailableError
        The query needs the space's encoder, and its file is not on this machine.
    """
    started = time.perf_counter()
    space = find_space(query.space)
    check_query(query, space)
    question = resolve_question(user, query, space)
    permitted = compile_permitted(user, space, scope_of(query, question), question.vector)
    ranking = rank(
        space=space,
        permitted=permitted,
        level=query.level,
        k=query.k,
        fold=query.fold,
        limits=limits,
    )
    patients = [row.patient_id for row in ranking.rows] if query.fold else []
    siblings = count_siblings(permitted, patients, query.level)
    results = build_results(
        space=space, query=query, question=question, rows=ranking.rows, siblings=siblings
    )
    if asker is not None:
        details = {"space": space.name, "level": query.level.value, "results": len(results)}
        audit.record_query(asker, what="similar", details=details)
    return SimilarAnswer(
        results=results,
        space=space.name,
        level=query.level,
        exact=ranking.is_exact,
        took_ms=round((time.perf_counter() - started) * 1000, 2),
    )
