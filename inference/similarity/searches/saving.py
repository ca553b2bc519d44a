"""Searches named, shared and deleted by their owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from archive.audit import searches as audit
from archive.errors import NotAllowedError, NotVisibleError
from inference.models import SearchSession
from inference.similarity.errors import InvalidQueryError
from inference.similarity.searches.novelty import looked_through
from inference.similarity.searches.selectors import current_query, get_search, projects_to_share_in

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import Project
    from archive.models.querysets import AnyUser

MAX_NAME_LENGTH = 128


def own_search(user: AnyUser, session_id: int) -> SearchSession:
    """Return a search of the user's own to change it, locked; inside a transaction.

    Parameters
    ----------
    user : its owner
    session_id : key

    Returns
    -------
    The locked row.

    Raises
    ------
    NotVisibleError, NotAllowedError
        It is absent or invisible; or it is somebody else's, shared.
    """
    session = get_search(user, session_id)
    if session.owner_id != user.pk:
        raise NotAllowedError(
            gettext("Only its owner may change a search; start one of your own from it.")
        )
    locked = SearchSession.objects.select_for_update().filter(pk=session.pk).first()
    if locked is None:
        raise NotVisibleError("There is no such search.")
    return locked


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
            session = own_search(user, session_id)
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
        session = own_search(user, session_id)
        if project and not session.name:
            raise InvalidQueryError(gettext("Name the search before you share it."), field="name")
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
        own_search(user, session_id).delete()
        if asker is not None:
            audit.record_search_deleted(asker, search=session_id)


def change_search(
    user: AnyUser,
    session_id: int,
    *,
    name: str | None = None,
    project: str | None = None,
    is_notifying: bool | None = None,
    asker: Asker | None = None,
) -> SearchSession:
    """Change what is given of a search; the rest stays.

    Parameters
    ----------
    user : its owner
    session_id : key
    name, project, is_notifying : as `save_search` takes them; None leaves what is
    asker : written to the audit trail where given

    Returns
    -------
    The search.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The search or project is absent or invisible; or it is somebody else's, shared.
    InvalidQueryError
        ``name`` is not fit, taken, or missing where the search is to notify or to be shared.
    """
    with transaction.atomic():
        session = own_search(user, session_id)
        if name is not None or is_notifying is not None:
            session = save_search(
                user,
                session_id,
                name=session.name if name is None else name,
                is_notifying=session.is_notifying if is_notifying is None else is_notifying,
                asker=asker,
            )
        if project is not None:
            session = share(user, session_id, project=project, asker=asker)
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
