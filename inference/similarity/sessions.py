"""Searches with rounds of feedback: begun, undone, redone, named, shared, run again, deleted.

What is kept is the question, never a picture and never an answer: a search that is run again
answers what its runner may see at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from archive.audit import searches as audit
from archive.errors import LimitExceededError, NotAllowedError, NotVisibleError
from inference.models import Embedding, SearchRound, SearchSession
from inference.similarity.errors import InvalidQueryError
from inference.similarity.notation import query_json
from inference.similarity.planning import DEFAULT_LIMITS
from inference.similarity.searches import (
    current_query,
    get_search,
    list_searches,
    number_of_rounds,
    projects_to_share_in,
    shown_query,
)
from inference.similarity.services import search_similar
from inference.similarity.spaces import find_space
from inference.similarity.validation import check_query

if TYPE_CHECKING:
    from datetime import datetime

    from archive.audit.types import Asker
    from archive.models import Project
    from archive.models.querysets import AnyUser
    from inference.similarity.planning import SearchLimits
    from inference.similarity.types import SimilarAnswer, SimilarQuery

__all__ = [
    "add_round",
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
MAX_NAME_LENGTH = 128


def start_session(user: AnyUser, query: SimilarQuery) -> SearchSession:
    """Begin a session with its first question.

    Parameters
    ----------
    user : who owns it
    query : by stored objects, words, or both

    Returns
    -------
    The session, without a name.

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
            raise LimitExceededError(f"An account keeps at most {MAX_SESSIONS} searches.")
        session = SearchSession.objects.create(owner_id=owner_id)
        SearchRound.objects.create(session=session, position=0, query=written)
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
        session = _own(user, session_id)
        if session.position + 1 >= MAX_ROUNDS:
            raise LimitExceededError(f"A search has at most {MAX_ROUNDS} rounds.")
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


def save_search(
    user: AnyUser,
    session_id: int,
    *,
    name: str,
    project: str | None = None,
    is_notifying: bool = False,
    asker: Asker | None = None,
) -> SearchSession:
    """Name a search, and say whether new matches are told; saved again, it is renamed.

    Parameters
    ----------
    user : its owner
    session_id : key
    name : of 1 to 128 characters, one of its kind among the owner's
    project : slug of a project to share it in; empty takes it back, None leaves it
    is_notifying : whether new cases that match are noted from now on
    asker : written to the audit trail where given

    Returns
    -------
    The saved search.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The search or project is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        ``name`` is not fit or taken.
    """
    fit = _fit_name(name)
    try:
        with transaction.atomic():
            session = _own(user, session_id)
            session.name = fit
            if is_notifying and not session.is_notifying:
                session.notified_through = looked_through(current_query(session))
            session.is_notifying = is_notifying
            session.save()
            if asker is not None:
                audit.record_search_saved(asker, search=session.pk, is_notifying=is_notifying)
    except IntegrityError as error:
        message = "You have another search of this name."
        raise InvalidQueryError(message, field="name", code="name-taken") from error
    return session if project is None else share(user, session_id, project=project, asker=asker)


def share(
    user: AnyUser, session_id: int, *, project: str, asker: Asker | None = None
) -> SearchSession:
    """Let the members of a project see a saved search; each finds what their own rights show.

    Parameters
    ----------
    user : its owner
    session_id : key
    project : slug of a project that the owner reads; empty takes it back
    asker : written to the audit trail where given

    Returns
    -------
    The search.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The search or project is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        It has no name yet.
    """
    with transaction.atomic():
        session = _own(user, session_id)
        if project and not session.name:
            raise InvalidQueryError("Name the search before you share it.", field="name")
        found = _project(user, project) if project else None
        if session.project_id != (found.pk if found else None):
            session.project = found
            session.save()
            if asker is not None:
                audit.record_search_shared(asker, search=session.pk, project=session.project_id)
    return session


def delete(user: AnyUser, session_id: int, *, asker: Asker | None = None) -> None:
    """Delete a search with its rounds and matches.

    Parameters
    ----------
    user : its owner
    session_id : key
    asker : written to the audit trail where given

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is absent or invisible; or it is somebody else's, shared.
    """
    with transaction.atomic():
        _own(user, session_id).delete()
        if asker is not None:
            audit.record_search_deleted(asker, search=session_id)


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


def is_by_words_alone(query: SimilarQuery) -> bool:
    """Tell whether a question has nothing to look at.

    Parameters
    ----------
    query : any

    Returns
    -------
    True for text alone.
    """
    return not (query.study or query.series or query.instance or query.image or query.positive)


def looked_through(query: SimilarQuery) -> int:
    """Return where new matches of a question begin: now.

    Parameters
    ----------
    query : the search's question

    Returns
    -------
    The newest vector's key; for words alone, the time in microseconds.
    """
    if is_by_words_alone(query):
        return microseconds(timezone.now())
    return Embedding.objects.aggregate(newest=Max("pk"))["newest"] or 0


def microseconds(moment: datetime) -> int:
    """Return a time as a whole number.

    Parameters
    ----------
    moment : aware

    Returns
    -------
    Microseconds since 1970.
    """
    return round(moment.timestamp() * 1_000_000)


def _checked(query: SimilarQuery) -> dict[str, object]:
    written = query_json(query)
    check_query(query, find_space(query.space))
    return written


def _account_key(user: AnyUser) -> int:
    if not user.is_authenticated or not user.is_active or user.pk is None:
        raise NotVisibleError("There is no such search.")
    return user.pk


def _own(user: AnyUser, session_id: int) -> SearchSession:
    """Return a search to change, locked."""
    session = get_search(user, session_id)
    if session.owner_id != user.pk:
        raise NotAllowedError("Only its owner may change a search; start one of your own from it.")
    locked = SearchSession.objects.select_for_update().filter(pk=session.pk).first()
    if locked is None:
        raise NotVisibleError("There is no such search.")
    return locked


def _moved(user: AnyUser, session_id: int, step: int, message: str) -> SearchSession:
    with transaction.atomic():
        session = _own(user, session_id)
        position = session.position + step
        if not 0 <= position < number_of_rounds(session):
            raise InvalidQueryError(message, field="position")
        session.position = position
        if session.is_notifying:
            session.notified_through = looked_through(current_query(session))
        session.save()
    return session


def _fit_name(name: str) -> str:
    fit = name.strip()
    if not 1 <= len(fit) <= MAX_NAME_LENGTH or not fit.isprintable():
        message = f"A search's name has 1 to {MAX_NAME_LENGTH} printable characters."
        raise InvalidQueryError(message, field="name")
    return fit


def _project(user: AnyUser, slug: str) -> Project:
    found = projects_to_share_in(user).filter(slug=slug).first() if "\x00" not in slug else None
    if found is None:
        raise NotVisibleError("There is no such project of yours.")
    return found
