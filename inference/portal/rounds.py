"""Feedback as rounds of a kept search: what can be undone, redone, named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
)
from inference.portal.addresses import state_of, without
from inference.portal.forms import SimilarForm
from inference.similarity.searches.notation import query_from_json
from inference.similarity.searches.selectors import get_search, number_of_rounds, shown_query
from inference.similarity.searches.sessions import add_round, redo, start_session, undo

if TYPE_CHECKING:
    from django.http import QueryDict

    from archive.models.querysets import AnyUser
    from inference.models import SearchSession

_REFUSALS = (InvalidRequestError, LimitExceededError)


@dataclass(frozen=True)
class KeptSearch:
    """The kept search that the page is a round of."""

    pk: int
    name: str
    project: str
    is_own: bool
    is_notifying: bool
    can_undo: bool
    can_redo: bool


def kept_search(user: AnyUser, form: SimilarForm) -> KeptSearch | None:
    """Return the search that the address names, where its reader may see it."""
    key = form.value("search")
    if key is None:
        return None
    try:
        session = get_search(user, key)
    except NotVisibleError:
        return None
    is_own = session.owner_id == user.pk
    return KeptSearch(
        pk=session.pk,
        name=session.name,
        project=session.project.slug if session.project else "",
        is_own=is_own,
        is_notifying=session.is_notifying,
        can_undo=is_own and session.position > 0,
        can_redo=is_own and session.position + 1 < number_of_rounds(session),
    )


def next_round(user: AnyUser, before: QueryDict, after: QueryDict) -> QueryDict:
    """Keep the step from one question to the next; answer the state that names it.

    What can't be kept is asked all the same: the page then says what is wrong with it.
    """
    try:
        session = _kept(user, before, after)
    except _REFUSALS:
        return without(after, "search")
    changed = without(after, "search")
    changed["search"] = str(session.pk)
    return changed


def _kept(user: AnyUser, before: QueryDict, after: QueryDict) -> SearchSession:
    query = SimilarForm(after).query()
    key = SimilarForm(after).value("search")
    if key is not None:
        try:
            return add_round(user, key, query)
        except (NotVisibleError, NotAllowedError):
            pass  # somebody else's: the next round begins one's own
    session = start_session(user, SimilarForm(before).query())
    return add_round(user, session.pk, query)


def stepped(user: AnyUser, key: int, *, is_back: bool) -> QueryDict:
    """Undo or redo a round; answer the state that holds now, unchanged where there is no step."""
    try:
        session = undo(user, key) if is_back else redo(user, key)
    except InvalidRequestError:
        session = get_search(user, key)
    return state_of_search(user, session)


def state_of_search(user: AnyUser, session: SearchSession) -> QueryDict:
    """Return the state of a search as its reader may see it."""
    written, _is_hidden = shown_query(user, session)
    return state_of_shown(session, written)


def state_of_shown(session: SearchSession, written: dict[str, Any]) -> QueryDict:
    """Return the state of a search from its question, as its reader may see it."""
    state = state_of(query_from_json(written))
    state["search"] = str(session.pk)
    return state
