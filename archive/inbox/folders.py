"""Which folders are watched, decided by radiology admins of the whole archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from archive.access import selectors as access
from archive.access.projects import storing_projects
from archive.audit import inbox as audit
from archive.errors import NotAllowedError, NotVisibleError
from archive.inbox.errors import InvalidFieldError
from archive.inbox.roots import check_folder, watch_roots
from archive.models import WatchedFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker
    from archive.models import Project
    from archive.models.querysets import AnyUser

AFTER = tuple(WatchedFolder.After.choices)
_LONGEST_QUIET_S = 86_400


def list_folders(user: AnyUser) -> list[WatchedFolder]:
    """Return every watched folder.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive see them.
    """
    access.require_site_radiology_admin(user)
    return list(WatchedFolder.objects.select_related("project", "account").defer("known"))


def roots() -> list[str]:
    """Return below which folders others may be watched."""
    return [str(root) for root in watch_roots()]


def get_folder(user: AnyUser, folder_id: int) -> WatchedFolder:
    """Return a watched folder; raise NotVisibleError where there is none."""
    access.require_site_radiology_admin(user)
    rows = WatchedFolder.objects.select_related("project", "account").defer("known")
    folder: WatchedFolder | None = rows.filter(pk=folder_id).first()
    if folder is None:
        raise NotVisibleError("There is no such folder.")
    return folder


def watch_folder(*, asker: Asker, values: Mapping[str, Any]) -> WatchedFolder:
    """Have a folder watched; its files are stored in the asker's name.

    Parameters
    ----------
    asker
        a radiology admin of the whole archive
    values
        ``path``, ``project`` (slug), ``after`` (keep, move, delete), ``quiet_seconds``

    Raises
    ------
    InvalidRequestError
        The folder may not be watched, or a value can't be.
    """
    user: Any = _admin(asker)
    path = check_folder(str(values.get("path", "")).strip())
    fields = _checked(user, values)
    try:
        with transaction.atomic():
            folder: WatchedFolder = WatchedFolder.objects.create(
                path=path, account=user, is_enabled=values.get("is_enabled", True), **fields
            )
            _record(asker, "watch-folder", folder)
    except IntegrityError as error:
        raise InvalidFieldError(gettext("This folder is watched already."), field="path") from error
    return folder


def change_folder(*, asker: Asker, folder_id: int, values: Mapping[str, Any]) -> WatchedFolder:
    """Change what is done with a folder's files, or switch it on or off; its path stays.

    The files are stored in the name of who changed it last.
    """
    user: Any = _admin(asker)
    folder = get_folder(user, folder_id)
    current = {
        "project": folder.project.slug if folder.project else "",
        "after": folder.after,
        "quiet_seconds": folder.quiet_seconds,
    }
    fields = _checked(user, {**current, **values})
    with transaction.atomic():
        if fields["after"] != folder.after:
            # What lies there is taken in once more, and then put away as is wanted now.
            WatchedFolder.objects.filter(pk=folder.pk).update(known={})
        for name, value in fields.items():
            setattr(folder, name, value)
        folder.account = user
        folder.is_enabled = bool(values.get("is_enabled", folder.is_enabled))
        folder.error = ""
        folder.save(update_fields=[*fields, "account", "is_enabled", "error"])
        _record(asker, "change-folder", folder)
    return folder


def forget_folder(*, asker: Asker, folder_id: int) -> None:
    """Watch a folder no more; its files stay where they are, and what was stored stays stored."""
    user: Any = _admin(asker)
    folder = get_folder(user, folder_id)
    with transaction.atomic():
        _record(asker, "forget-folder", folder)
        folder.delete()


def _admin(asker: Asker) -> object:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change watched folders."))
    access.require_site_radiology_admin(asker.user)
    return asker.user


def _checked(user: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    after = values.get("after") or WatchedFolder.After.KEEP
    if after not in WatchedFolder.After.values:
        raise InvalidFieldError(gettext("One of keep, move, delete."), field="after")
    quiet = values.get("quiet_seconds", 10)
    if not isinstance(quiet, int) or not 1 <= quiet <= _LONGEST_QUIET_S:
        raise InvalidFieldError(gettext("A number of seconds, at least 1."), field="quiet_seconds")
    slug = str(values.get("project") or "")
    return {"after": after, "quiet_seconds": quiet, "project": _project(user, slug)}


def _project(user: Any, slug: str) -> Project | None:
    if not slug:
        return None
    for project in storing_projects(user):
        if project.slug == slug:
            return project
    raise InvalidFieldError(gettext("There is no such project."), field="project")


def _record(asker: Asker, act: str, folder: WatchedFolder) -> None:
    details = {
        "path": folder.path,
        "project": folder.project_id,
        "after": folder.after,
        "enabled": folder.is_enabled,
    }
    audit.record_folder(asker, act, folder=folder.pk, details=details)
