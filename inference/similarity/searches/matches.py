"""New cases that saved searches found, as their owners see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.errors import NotAllowedError
from archive.models.querysets import visible_series_filter
from archive.notices.services import mark_topic_read, tell
from inference.models import SearchMatch
from inference.similarity.searches.selectors import get_search

# Topic of `archive.notices`.
MATCHES = "match"

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from inference.models import SearchSession


def unseen_matches(user: AnyUser, session_id: int | None = None) -> list[SearchMatch]:
    """Return new cases of the user's own searches that they have not looked at.

    Parameters
    ----------
    user : the owner; what they may see no more is left out
    session_id : of one search; of all where None

    Returns
    -------
    Rows with search, study and series, newest first.
    """
    rows = _visible_matches(user).filter(seen_at__isnull=True)
    return list(rows if session_id is None else rows.filter(session_id=session_id))


def matches_of(user: AnyUser, session_id: int) -> list[SearchMatch]:
    """Return the cases that a search of the user's own was told of, seen or not.

    Parameters
    ----------
    user : the owner; what they may see no more is left out
    session_id : key

    Returns
    -------
    Rows with study and series, newest first.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The search is absent or invisible; or it is somebody else's, shared.
    """
    return list(_visible_matches(user).filter(session=_own(user, session_id)))


def mark_seen(user: AnyUser, session_id: int, match_ids: Iterable[int] | None = None) -> int:
    """Note that the owner has seen new cases.

    Parameters
    ----------
    user : the owner
    session_id : key
    match_ids : keys of matches; all of the search where None

    Returns
    -------
    How many were unseen before.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The search is absent or invisible; or it is somebody else's, shared.
    """
    rows = SearchMatch.objects.filter(session=_own(user, session_id), seen_at__isnull=True)
    if match_ids is not None:
        rows = rows.filter(pk__in=list(match_ids))
    seen = rows.update(seen_at=timezone.now())
    left = _visible_matches(user).filter(session=session_id, seen_at__isnull=True)
    if not left.exists():
        mark_topic_read(user, MATCHES, key=_key(session_id))
    return seen


def tell_of_matches(session: SearchSession) -> None:
    """Ring the owner's bell; names of searches are the owner's words and may name patients.

    Parameters
    ----------
    session : a search with matches that its owner has not seen
    """
    tell(
        [session.owner_id],
        MATCHES,
        _("A saved search found new cases"),
        reverse("similarity:search-list"),
        key=_key(session.pk),
        is_repeated=True,
    )


def _key(session_id: int) -> str:
    return f"search-{session_id}"


def _own(user: AnyUser, session_id: int) -> SearchSession:
    session = get_search(user, session_id)
    if session.owner_id != user.pk:
        raise NotAllowedError(gettext("New matches are told to the search's owner."))
    return session


def _visible_matches(user: AnyUser) -> QuerySet[SearchMatch]:
    rows = SearchMatch.objects.filter(visible_series_filter(user, "study_id", "series__"))
    rows = rows.exclude(series__withheld__in=("deleted", "rejected"))
    rows = rows.filter(session__owner_id=user.pk or 0)
    return rows.select_related("session", "study", "series")
