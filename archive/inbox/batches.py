"""Uploads from their first file to the person's word that they be stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext

from archive.access import selectors as access
from archive.access.projects import storing_projects
from archive.audit import inbox as audit
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.inbox import spool
from archive.inbox.selectors import ABSENT, OPEN_STATES
from archive.ingest.archives import is_dropping, is_index
from archive.ingest.quarantine import clean_line
from archive.models import UploadBatch, UploadFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.inbox.types import NewFile
    from archive.models import Project

MAX_FILES = 200_000
MAX_FILES_A_REQUEST = 2000
MAX_OPEN_BATCHES = 50
_State = UploadBatch.State


def open_batch(
    *,
    asker: Asker,
    project_slug: str = "",
    project: Project | None = None,
    is_preview_wanted: bool = False,
    source: str = "",
) -> UploadBatch:
    """Begin an upload.

    Parameters
    ----------
    asker
        whose upload it is
    project_slug
        where its studies go; the given ``project``, else the asker's only one, where there is none
    is_preview_wanted
        whether the asker wants to see what it comes to before anything is stored
    source
        where it comes from, for lists

    Raises
    ------
    NotVisibleError
        There is no such project into which the asker may store.
    NotAllowedError
        The asker may store nowhere.
    LimitExceededError
        Too many of the asker's uploads are unfinished.
    """
    user = _person(asker)
    if project_slug:
        project = _project(user, project_slug)
    project = project or access.home_project(user)
    access.require_may_store(user, project)
    if UploadBatch.objects.filter(user=user, state__in=OPEN_STATES).count() >= MAX_OPEN_BATCHES:
        message = f"{MAX_OPEN_BATCHES} of your uploads are unfinished: finish or give up some."
        raise LimitExceededError(message)
    with transaction.atomic():
        batch: UploadBatch = UploadBatch.objects.create(
            user=user,
            project=project,
            is_preview_wanted=is_preview_wanted,
            # What a watched folder brings is marked so, and by itself alone.
            source=re.sub(r"\A(folder:)+", "", clean_line(source))[:255],
        )
        audit.record_upload(
            asker, "open-upload", batch=batch.pk, details={"project": project and project.pk}
        )
    return batch


def add_files(*, asker: Asker, batch_id: int, files: Sequence[NewFile]) -> list[UploadFile]:
    """Name files that are about to come; those that are known go on where they stopped.

    Parameters
    ----------
    files
        as the sender calls them, in any order

    Returns
    -------
    a row for each, in their order; droppings of systems are refused by a state of their own

    Raises
    ------
    LimitExceededError
        A file is too large, or there are too many, or too much is unfinished.
    StateConflictError
        The upload takes no more files.
    StorageFullError
        The disk has no room for them.
    """
    if len(files) > MAX_FILES_A_REQUEST:
        raise LimitExceededError(
            gettext("At most %(most)s files are named in one request.")
            % {"most": MAX_FILES_A_REQUEST}
        )
    for file in files:
        _check_file(file)
    with transaction.atomic():
        batch = _locked(asker, batch_id, {_State.RECEIVING})
        known = _known_files(batch, files)
        new = [file for file in dict.fromkeys(files) if _key(file) not in known]
        if new:
            _check_limits(batch, new)
            made = UploadFile.objects.bulk_create([_row(batch, file) for file in new])
            known |= {_key_of(row): row for row in made}
        _touch(batch)
    return [known[_key(file)] for file in files]


def _check_file(file: NewFile) -> None:
    if not file.name.strip():
        raise InvalidRequestError(gettext("A file needs a name."))
    if file.size_bytes < 0 or len(file.fingerprint) > 128 or len(file.name) > 4096:
        raise InvalidRequestError(gettext("A file's name, size or fingerprint can't be one."))
    if file.size_bytes > settings.TWINSIGHT_MAX_UPLOAD_BYTES:
        limit = settings.TWINSIGHT_MAX_UPLOAD_BYTES
        raise LimitExceededError(
            gettext("A file is larger than the limit of %(limit)s bytes.") % {"limit": limit}
        )


def _check_limits(batch: UploadBatch, new: Sequence[NewFile]) -> None:
    if batch.files.count() + len(new) > MAX_FILES:
        raise LimitExceededError(
            gettext("An upload has at most %(most)s files.") % {"most": MAX_FILES}
        )
    coming = sum(file.size_bytes for file in new)
    mine = UploadFile.objects.filter(batch__user=batch.user_id, batch__state__in=OPEN_STATES)
    open_bytes = mine.filter(container=None).aggregate(sum=Sum("size_bytes"))["sum"] or 0
    if open_bytes + coming > settings.TWINSIGHT_INBOX_BYTES_PER_USER:
        limit = settings.TWINSIGHT_INBOX_BYTES_PER_USER
        message = f"Your unfinished uploads would be more than the limit of {limit} bytes."
        raise LimitExceededError(message)
    spool.check_room(coming)


def _name(file: NewFile) -> str:
    """Return the name as it is kept: a line, its end where it is too long."""
    return clean_line(file.name)[-1024:]


def _key(file: NewFile) -> tuple[str, int, str]:
    return _name(file), file.size_bytes, clean_line(file.fingerprint)


def _key_of(row: UploadFile) -> tuple[str, int, str]:
    return row.name, row.size_bytes, row.fingerprint


def _known_files(
    batch: UploadBatch, files: Sequence[NewFile]
) -> dict[tuple[str, int, str], UploadFile]:
    rows = UploadFile.objects.filter(batch=batch, container=None)
    return {_key_of(row): row for row in rows.filter(name__in={_name(file) for file in files})}


def _row(batch: UploadBatch, file: NewFile) -> UploadFile:
    name, size, fingerprint = _key(file)
    row = UploadFile(batch=batch, name=name, size_bytes=size, fingerprint=fingerprint)
    if is_dropping(name) and not is_index(name):
        row.state, row.reason = UploadFile.State.SKIPPED, "Systems leave such files in folders."
    elif size == 0:
        row.state, row.reason = UploadFile.State.SKIPPED, "The file is empty."
    else:
        row.spool_name = spool.new_name()
    return row


def submit(*, asker: Asker, batch_id: int, is_preview_wanted: bool | None = None) -> UploadBatch:
    """Say that every file is here: the archive looks at them, and stores them unless told to wait.

    Raises
    ------
    StateConflictError
        Files are missing, or the upload was submitted before.
    """
    with transaction.atomic():
        batch = _locked(asker, batch_id, {_State.RECEIVING})
        missing = batch.files.filter(state=UploadFile.State.RECEIVING).count()
        if missing:
            message = f"{missing} files are not here yet: send the rest, or leave them out."
            raise StateConflictError(message, code="upload-incomplete")
        if not batch.files.exists():
            raise InvalidRequestError(gettext("The upload has no files."), code="empty")
        if is_preview_wanted is not None:
            batch.is_preview_wanted = is_preview_wanted
        _move(batch, _State.EXAMINING)
        audit.record_upload(
            asker, "submit-upload", batch=batch.pk, details={"preview": batch.is_preview_wanted}
        )
    return batch


def leave_out_missing(*, asker: Asker, batch_id: int) -> int:
    """Take files that never came, or came in part, out of an upload; return how many."""
    with transaction.atomic():
        batch = _locked(asker, batch_id, {_State.RECEIVING})
        rows = list(batch.files.filter(state=UploadFile.State.RECEIVING))
        UploadFile.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=UploadFile.State.SKIPPED, reason="It was not sent to its end.", spool_name=""
        )
    spool.discard(row.spool_name for row in rows)
    return len(rows)


def store(
    *,
    asker: Asker,
    batch_id: int,
    wrapping: Mapping[str, Any] | None = None,
    leaves_out_problems: bool = False,
) -> UploadBatch:
    """Have an upload stored that was looked at.

    Parameters
    ----------
    wrapping
        what to say in the objects made of pictures, documents, volumes and videos, checked by
        `archive.inbox.wrapping.check_wrapping`; without it those are left out
    leaves_out_problems
        whether what would only land in quarantine is left out instead

    Raises
    ------
    StateConflictError
        It is not ready, or was stored before.
    """
    with transaction.atomic():
        batch = _locked(asker, batch_id, {_State.READY})
        access.require_may_store(batch.user, batch.project)
        batch.wrapping = dict(wrapping or {})
        if leaves_out_problems:
            rows = batch.files.filter(state=UploadFile.State.RECEIVED)
            rows.filter(outlook__in=("quarantine", "refused")).update(
                state=UploadFile.State.SKIPPED
            )
        _move(batch, _State.STORING, "wrapping")
        audit.record_upload(
            asker,
            "store-upload",
            batch=batch.pk,
            details={"wraps": bool(wrapping), "leaves_out": leaves_out_problems},
        )
    return batch


def cancel(*, asker: Asker, batch_id: int) -> UploadBatch:
    """Give an upload up; what is stored already stays stored.

    Raises
    ------
    StateConflictError
        It is at its end.
    """
    with transaction.atomic():
        batch = _locked(asker, batch_id, set(OPEN_STATES), is_admins_too=True)
        give_up(batch, "Somebody gave the upload up.")
        audit.record_upload(asker, "cancel-upload", batch=batch.pk, details={})
    discard_files(batch)
    return batch


def give_up(batch: UploadBatch, reason: str) -> None:
    """Close an upload without storing what is left of it; the caller holds its lock."""
    waiting = batch.files.filter(state__in=(UploadFile.State.RECEIVING, UploadFile.State.RECEIVED))
    waiting.update(state=UploadFile.State.SKIPPED, reason=reason[:500], finished_at=timezone.now())
    batch.finished_at = timezone.now()
    _move(batch, _State.CANCELLED, "finished_at")


def give_up_lost() -> int:
    """Give up the open uploads of which not all that was received is here.

    So it is after a restoration: a backup has what was stored, not what waits to be.

    Returns
    -------
    How many uploads were given up.
    """
    reason = "The archive was restored from a backup, which holds no unfinished uploads."
    lost = 0
    for batch in UploadBatch.objects.filter(state__in=OPEN_STATES):
        here = batch.files.exclude(spool_name="").values_list("spool_name", "received_bytes")
        if all(spool.size(name) >= received for name, received in here):
            continue
        with transaction.atomic():
            give_up(UploadBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk), reason)
        discard_files(batch)
        lost += 1
    return lost


def discard_files(batch: UploadBatch) -> None:
    """Remove the bytes of an upload that is at its end."""
    rows = batch.files.exclude(spool_name="")
    spool.discard(list(rows.values_list("spool_name", flat=True)))
    rows.update(spool_name="")


def _move(batch: UploadBatch, state: str, *fields: str) -> None:
    batch.state, batch.attempts, batch.lease_until = state, 0, None
    batch.touched_at, batch.error = timezone.now(), ""
    batch.save(
        update_fields=[
            "state", "attempts", "lease_until", "touched_at", "error", "is_preview_wanted", *fields
        ]
    )  # fmt: skip


def _touch(batch: UploadBatch) -> None:
    batch.touched_at = timezone.now()
    batch.save(update_fields=["touched_at"])


def _person(asker: Asker) -> User:
    if asker.user is None or not asker.user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to store studies."))
    user: User = asker.user
    return user


def _project(user: User, slug: str) -> Project:
    for project in storing_projects(user):
        if project.slug == slug:
            return project
    raise NotVisibleError("There is no such project into which you may store.")


def _locked(
    asker: Asker, batch_id: int, states: set[Any], *, is_admins_too: bool = False
) -> UploadBatch:
    """Return the asker's upload under its lock; others' only where admins may do so."""
    user = _person(asker)
    rows = UploadBatch.objects.select_for_update(of=("self",)).select_related("project", "user")
    batch: UploadBatch | None = rows.filter(pk=batch_id).first()
    is_theirs = batch is not None and (
        batch.user_id == user.pk or (is_admins_too and access.is_site_radiology_admin(user))
    )
    if batch is None or not is_theirs:
        raise NotVisibleError(ABSENT)
    if batch.state not in states:
        message = f"The upload is {batch.get_state_display().lower()}: this can't be done now."
        raise StateConflictError(message)
    return batch
