"""A few cases that look like a study, on its page; fetched once the page is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.query.picture_words import pictures_in_words
from inference.portal.statuses import EXPECTED, problem_of
from inference.similarity.services import search_similar
from inference.similarity.types import SimilarQuery

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser

SHOWN = 6


def similar_preview(user: AnyUser, study_uid: str) -> dict[str, Any]:
    """Return the context of the panel; NotVisibleError outside the rights.

    Ranked by whole series, which is quick: the page of similar cases looks slice by slice.
    """
    query = SimilarQuery(study=study_uid, k=SHOWN, explain=False, rerank=False)
    try:
        answer = search_similar(user, query)
    except EXPECTED as error:
        return {"study_uid": study_uid, "problem": problem_of(error, is_space_named=False)}
    return {
        "study_uid": study_uid,
        "hits": answer.results,
        "words": pictures_in_words(user, [hit.series_uid for hit in answer.results]),
        "queried": {"space": answer.space, "level": "series", "results": len(answer.results)},
    }
