"""Searches with rounds of feedback: begun, asked on, undone, redone, run again.

What is kept is the question, never a picture and never an answer: a search that is run again
answers what its runner may see at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext

from archive.errors import LimitExceededError, NotVisibleError
from inference.models import SearchRound, SearchSession
from inference.similarity.errors import InvalidQueryError
from inference.similarity.planning import DEFAULT_LIMITS
from inference.similarity.searches.notation import query_json
from inference.similarity.searches.novelty import looked_through
from inference.similarity.searches.saving import (
    change_search,
    delete,
    own_search,
    save_search,
    share,
)
from inference.similarity.searches.selectors import (
    current_query,
    get_search,
    list_searches,
    number_of_rounds,
    shown_query,
)
from inference.similarity.services import search_similar
from inference.similarity.spaces.registry import find_space
from inference.similarity.validation import check_query

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.planning import SearchLimits
    from inference.similarity.types import SimilarAnswer, SimilarQuery

__all__ = [
    "add_round",
    "ask_in_session",
    "change_search",
    "current_query",
    "delete",
    "get_search",
    "list_searches",
    "number_of_rounds",
    "redo",
    "run_search",
    "save_search",
    "share",
    "shown_query",
    "start_session",
    "undo",
]

MAX_ROUNDS = 200
MAX_SESSIONS = 1000


def start_session(
    user: AnyUser,
    query: SimilarQuery,
    *,
    name: str = "",
    project: str = "",
    is_notifying: bool = False,
    asker: Asker | None = None,
) -> SearchSession:
    """Begin a session with its first question, and save it where it has a name.

    Parameters
    ----------
    user : who owns it
    query : by stored objects, words, or both
    name, project, is_notifying, asker : as
        `inference.similarity.searches.saving.save_search` takes them

    Returns
    -------
    The session.

    Raises
    ------
    InvalidQueryError
        A field is wrong; ``image``: an uploaded picture is never stored.
    LimitExceededError
        The user has as many searches as one may have.
    """
    owner_id = _account_key(user)
    written = _checked(query)
    with transaction.atomic():
        if SearchSession.objects.filter(owner_id=owner_id).count() >= MAX_SESSIONS:
            raise LimitExceededError(
                gettext("An account keeps at most %(most)s searches.") % {"most": MAX_SESSIONS}
            )
        session = SearchSession.objects.create(owner_id=owner_id)
        SearchRound.objects.create(session=session, position=0, query=written)
        if name or project or is_notifying:
            session = save_search(
                user,
                session.pk,
                name=name,
                project=project or None,
                is_notifying=is_notifying,
                asker=asker,
            )
    return session


def add_round(user: AnyUser, session_id: int, query: SimilarQuery) -> SearchSession:
    """Ask on: the next question of a session, in place of what was undone.

    Parameters
    ----------
    user : its owner
    session_id : key
    query : the next question, whole

    Returns
    -------
    The session at its new round.

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        A field is wrong; ``image``: an uploaded picture is never stored.
    LimitExceededError
        The session has as many rounds as one may have.
    """
    written = _checked(query)
    with transaction.atomic():
        session = own_search(user, session_id)
        if session.position + 1 >= MAX_ROUNDS:
            raise LimitExceededError(
                gettext("A search has at most %(most)s rounds.") % {"most": MAX_ROUNDS}
            )
        session.rounds.filter(position__gt=session.position).delete()
        session.position += 1
        SearchRound.objects.create(session=session, position=session.position, query=written)
        if session.is_notifying:
            session.notified_through = looked_through(query)
        session.save()
    return session


def undo(user: AnyUser, session_id: int) -> SearchSession:
    """Go back to the question before.

    Parameters
    ----------
    user : its owner
    session_id : key

    Returns
    -------
    The session at the earlier round.

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        It is at its first question.
    """
    return _moved(user, session_id, -1, "There is no earlier question.")


def redo(user: AnyUser, session_id: int) -> SearchSession:
    """Go forward to the question that was undone.

    Parameters
    ----------
    user : its owner
    session_id : key

    Returns
    -------
    The session at the later round.

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        Nothing was undone.
    """
    return _moved(user, session_id, 1, "There is no later question.")


def run_search(
    user: AnyUser,
    session_id: int,
    *,
    asker: Asker | None = None,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> SimilarAnswer:
    """Ask a session's question again, with the rights of who runs it, now.

    Parameters
    ----------
    user : the runner: the owner, or one with whom it is shared
    session_id : key
    asker : written to the audit trail where given
    limits : measured numbers of the planner

    Returns
    -------
    The answer as to any query.

    Raises
    ------
    NotVisibleError
        The search, or an object it asks by, is absent or outside the runner's rights.
    """
    query = current_query(get_search(user, session_id))
    return search_similar(user, query, asker=asker, limits=limits)


def ask_in_session(
    user: AnyUser,
    session_id: int,
    query: SimilarQuery,
    *,
    asker: Asker | None = None,
    limits: SearchLimits = DEFAULT_LIMITS,
) -> SimilarAnswer:
    """Answer the next question of a session, and keep it as a round where it has an answer.

    Parameters
    ----------
    user : the session's owner
    session_id : key
    query : the next question, whole
    asker : written to the audit trail where given
    limits : measured numbers of the planner

    Returns
    -------
    The answer as to any query.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The session or an object is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        A field is wrong; ``image``: an uploaded picture is never stored.
    """
    query_json(query)
    with transaction.atomic():
        own_search(user, session_id)
    answer = search_similar(user, query, asker=asker, limits=limits)
    add_round(user, session_id, query)
    return answer


def _checked(query: SimilarQuery) -> dict[str, object]:
    written = query_json(query)
    find_space(query.space)
    check_query(query)
    return written


def _account_key(user: AnyUser) -> int:
    if not user.is_authenticated or not user.is_active or user.pk is None:
        raise NotVisibleError("There is no such search.")
    return user.pk


def _moved(user: AnyUser, session_id: int, step: int, message: str) -> SearchSession:
    with transaction.atomic():
        session = own_search(user, session_id)
        position = session.position + step
        if not 0 <= position < number_of_rounds(session):
            raise InvalidQueryError(message, field="position")
        session.position = position
        if session.is_notifying:
            session.notified_through = looked_through(current_query(session))
        session.save()
    return session
