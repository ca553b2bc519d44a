"""Searches that were begun or kept, as far as their reader may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, Q

from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES, Project
from archive.models.querysets import readable_projects
from inference.models import SearchRound, SearchSession
from inference.similarity.searches.notation import query_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from inference.similarity.types import SimilarQuery

# A key that PostgreSQL has no number for names nothing.
_MAX_KEY = 2**63 - 1
_OBJECTS, _EXAMPLES = ("study", "series", "instance"), ("positive", "negative")


def visible_searches(user: AnyUser) -> QuerySet[SearchSession]:
    """Return the user's own searches and those shared in projects that they read.

    Names and words of a search may name people: who reads de-identified studies alone sees what
    is shared in projects that hold nothing else.

    Parameters
    ----------
    user : anonymous and disabled accounts see nothing

    Returns
    -------
    Rows with owner and project; newest change first.
    """
    if not user.is_authenticated or not user.is_active:
        return SearchSession.objects.none()
    cleaned = readable_projects(user, DEIDENTIFIED_ROLES).filter(is_deidentified=True)
    shared = Q(project__in=readable_projects(user, READING_ROLES)) | Q(project__in=cleaned)
    standard = Q(project__kind=Project.Kind.STANDARD) & ~Q(name="")
    rows = SearchSession.objects.filter(Q(owner_id=user.pk) | (shared & standard))
    return rows.select_related("owner", "project")


def list_searches(user: AnyUser, *, only_saved: bool = True) -> list[SearchSession]:
    """Return the searches a person can open again: their own and those shared with them.

    Parameters
    ----------
    user : the reader
    only_saved : without the sessions that have no name

    Returns
    -------
    Rows, newest change first.
    """
    rows = visible_searches(user)
    return list(rows.exclude(name="") if only_saved else rows)


def get_search(user: AnyUser, session_id: int) -> SearchSession:
    """Return a search of the user's own, or one shared in a project that they read.

    Parameters
    ----------
    user : the reader
    session_id : key

    Returns
    -------
    The row with owner and project.

    Raises
    ------
    NotVisibleError
        It is absent, or somebody else's.
    """
    found = None
    if 0 < session_id <= _MAX_KEY:
        found = visible_searches(user).filter(pk=session_id).first()
    if found is None:
        raise NotVisibleError("There is no such search.")
    return found


def projects_to_share_in(user: AnyUser) -> QuerySet[Project]:
    """Return the projects whose members see what the user shares.

    Parameters
    ----------
    user : a member

    Returns
    -------
    Projects the user reads; not *Unassigned*, which has no members.
    """
    readable = readable_projects(user, READING_ROLES | DEIDENTIFIED_ROLES)
    return readable.filter(kind=Project.Kind.STANDARD)


def current_query(session: SearchSession) -> SimilarQuery:
    """Return the question that holds: that of the session's position.

    Parameters
    ----------
    session : with at least one round

    Returns
    -------
    The query as it was asked.
    """
    return query_from_json(_current_round(session).query)


def number_of_rounds(session: SearchSession) -> int:
    """Count a session's rounds, undone ones too.

    Parameters
    ----------
    session : any

    Returns
    -------
    At least 1; there is something to redo where it is greater than the position plus 1.
    """
    return session.rounds.count()


def shown_query(user: AnyUser, session: SearchSession) -> tuple[dict[str, Any], bool]:
    """Return the question as its reader may see it.

    Parameters
    ----------
    user : who may not know of every object that the owner asked by
    session : visible to them

    Returns
    -------
    The query as JSON without the UIDs of objects outside the reader's rights, and whether some
    were left out: what is there no more is as hidden as what is forbidden.
    """
    return shown_queries(user, [session])[session.pk]


def shown_queries(
    user: AnyUser, sessions: Iterable[SearchSession]
) -> dict[int, tuple[dict[str, Any], bool]]:
    """Return the questions of many searches as their reader may see them, in four queries.

    Parameters
    ----------
    user : the reader
    sessions : visible to them

    Returns
    -------
    Key of the search to what `shown_query` returns.
    """
    rounds = SearchRound.objects.filter(
        session__in=[session.pk for session in sessions], position=F("session__position")
    )
    queries = {row.session_id: dict(row.query) for row in rounds}
    visible = _visible_uids(user, queries.values())
    return {key: _shown(query, visible) for key, query in queries.items()}


def _visible_uids(user: AnyUser, queries: Iterable[dict[str, Any]]) -> set[str]:
    """Return which of the UIDs that questions name lie in the reader's rights."""
    named: dict[str, set[str]] = {"study": set(), "series": set(), "instance": set()}
    for query in queries:
        for level in _OBJECTS:
            named[level] |= {query[level]} if level in query else set()
        named["instance"] |= {uid for name in _EXAMPLES for uid in query.get(name, ())}
    rows: dict[str, tuple[QuerySet[Any], str]] = {
        "study": (Study.objects.visible_to(user), "study_instance_uid"),
        "series": (Series.objects.visible_to(user), "series_instance_uid"),
        "instance": (Instance.objects.visible_to(user), "sop_instance_uid"),
    }
    found: set[str] = set()
    for level, uids in named.items():
        if uids:
            seen, column = rows[level]
            found |= set(
                seen.filter(**{f"{column}__in": uids}).order_by().values_list(column, flat=True)
            )
    return found


def _shown(query: dict[str, Any], visible: set[str]) -> tuple[dict[str, Any], bool]:
    kept = {
        name: value for name, value in query.items() if name not in _OBJECTS or value in visible
    }
    is_hidden = len(kept) < len(query)
    for name in _EXAMPLES:
        if name in kept:
            kept[name] = [uid for uid in query[name] if uid in visible]
            is_hidden = is_hidden or len(kept[name]) < len(query[name])
    return kept, is_hidden


def searches_that_notify() -> QuerySet[SearchSession]:
    """Return the searches of active accounts that tell of new matches.

    Returns
    -------
    Rows with their owner, oldest first.
    """
    rounds = SearchRound.objects.filter(session=OuterRef("pk"), position=OuterRef("position"))
    return (
        SearchSession.objects.filter(Exists(rounds), is_notifying=True, owner__is_active=True)
        .select_related("owner")
        .order_by("pk")
    )


def _current_round(session: SearchSession) -> SearchRound:
    return SearchRound.objects.get(session=session, position=session.position)
