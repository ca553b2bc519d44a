"""Decisions about what was refused: tried again, mended or not, or discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.projects import storing_projects
from archive.audit import inbox as audit
from archive.errors import (
    BlobMissingError,
    InvalidInstanceError,
    InvalidRequestError,
    NotVisibleError,
    StateConflictError,
)
from archive.inbox.errors import InvalidFieldError, NotNowError, StillRefusedError
from archive.inbox.outlook import tried
from archive.inbox.quarantine.discarding import DISCARDED
from archive.inbox.quarantine.mending import check_values, mended
from archive.inbox.quarantine.selectors import find_entry
from archive.inbox.types import QUARANTINE, REFUSED
from archive.ingest.examining import examine
from archive.ingest.quarantine import clean_line
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Quarantine
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archive.audit.types import Asker
    from archive.ingest.types import IngestResult
    from archive.models import Project
    from archive.models.querysets import AnyUser
    from archive.storage.types import SpoolFile

# Writing a copy takes its size in memory.
MAX_MENDED_BYTES = 1024**3
_CHUNK_BYTES = 1024 * 1024


def retry_entry(
    *,
    asker: Asker,
    entry_id: int,
    project_slug: str = "",
    wanted: Mapping[str, object] | None = None,
    reason: str = "",
) -> IngestResult:
    """Try to store a refused file again: as it came, or a copy with other values.

    Parameters
    ----------
    asker
        a radiology admin of the entry's project
    project_slug
        where a new study goes; the entry's project where it is empty
    wanted
        keyword to the value that a copy shall have, ``new`` for a new UID; nothing: as it came
    reason
        why, where values are changed

    Returns
    -------
    what became of it: stored, or archived already

    Raises
    ------
    StillRefusedError
        It would be refused again; nothing was changed.
    NotVisibleError, StateConflictError
        There is no such entry, or it was decided about before.
    """
    user: Any = asker.user
    entry = _open_entry(user, entry_id)
    changes = check_values(wanted or {})
    if changes and not reason.strip():
        raise InvalidFieldError(gettext("Changing values needs a reason."), field="reason")
    origin = Origin(
        door="quarantine",
        actor=user,
        source=user.get_username(),
        project=_project(user, entry, project_slug),
        address=asker.address,
        token_hint=asker.token_hint,
    )
    with _spooled(entry, changes) as spool:
        file = IncomingFile(spool=spool, name=entry.original_name)
        _require_good(file, origin)
        (result,) = ingest_files(files=[file], origin=origin)
    if not result.is_accepted:
        message = result.error.message if result.error else "It was refused again."
        if result.error is not None and result.error.retriable:
            raise NotNowError(message)
        raise StillRefusedError(message)
    words = f"stored: {result.outcome.value} as {result.sop_instance_uid}"
    details = {"values": sorted(changes), "reason": clean_line(reason)[:200]}
    _resolve(asker, entry, "retry-quarantine", words, details)
    return result


def discard_entry(*, asker: Asker, entry_id: int, reason: str) -> None:
    """Decide that a refused file is not wanted; its bytes go after the days of a deletion.

    Raises
    ------
    InvalidFieldError
        There is no reason.
    NotVisibleError, StateConflictError
        There is no such entry, or it was decided about before.
    """
    user: Any = asker.user
    entry = _open_entry(user, entry_id)
    words = clean_line(reason.strip())[:200]
    if not words:
        raise InvalidFieldError(gettext("Discarding needs a reason."), field="reason")
    _resolve(asker, entry, "discard-quarantine", f"{DISCARDED}{words}", {"reason": words})


def bring_back_entry(*, asker: Asker, entry_id: int) -> None:
    """Undo a discarding whose bytes are still here."""
    user: Any = asker.user
    entry = find_entry(user, entry_id)
    if not entry.resolution.startswith(DISCARDED) or entry.blob_id is None:
        raise StateConflictError(gettext("Only what was discarded and is still here comes back."))
    with transaction.atomic():
        rows = Quarantine.objects.filter(pk=entry.pk, resolved_at=entry.resolved_at)
        is_there = Quarantine.objects.filter(
            blob=entry.blob_id, reason_code=entry.reason_code, resolved_at=None
        ).exists()
        if is_there or not rows.update(resolved_at=None, resolution=""):
            raise StateConflictError(gettext("The same file waits in the quarantine already."))
        _record(asker, entry, "undiscard-quarantine", {})


def _open_entry(user: AnyUser, entry_id: int) -> Quarantine:
    entry = find_entry(user, entry_id)
    if entry.resolved_at is not None:
        raise StateConflictError(gettext("This was decided about before."))
    return entry


def _project(user: Any, entry: Quarantine, slug: str) -> Project | None:
    if not slug:
        return entry.project
    for project in storing_projects(user):
        if project.slug == slug:
            return project
    raise NotVisibleError("There is no such project into which you may store.")


def _spooled(entry: Quarantine, changes: Mapping[str, str]) -> SpoolFile:
    if entry.blob is None:
        raise InvalidRequestError(gettext("Its bytes were not kept: it can't be tried again."))
    if changes and entry.blob.size_bytes > MAX_MENDED_BYTES:
        raise StillRefusedError(gettext("The file is too large to be mended here."))
    try:
        if not changes:
            return spool_stream(_chunks(entry.blob.sha256))
        with blob_store().open(entry.blob.sha256) as source:
            content = mended(source, changes, moment=timezone.now())
    except BlobMissingError as error:
        raise InvalidRequestError(error.message) from error
    return spool_stream([content])


def _chunks(sha256: str) -> Iterator[bytes]:
    with blob_store().open(sha256) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _require_good(file: IncomingFile, origin: Origin) -> None:
    """Raise StillRefusedError where storing would refuse it: a try leaves no second entry."""
    try:
        candidate = examine(0, file)
    except InvalidInstanceError as error:
        raise StillRefusedError(error.message) from error
    outlook, reason = tried([candidate], origin).get(0, ("", ""))
    if outlook in {QUARANTINE, REFUSED}:
        raise StillRefusedError(reason)


def _resolve(
    asker: Asker, entry: Quarantine, act: str, words: str, details: Mapping[str, Any]
) -> None:
    with transaction.atomic():
        rows = Quarantine.objects.filter(pk=entry.pk, resolved_at=None)
        if not rows.update(resolved_at=timezone.now(), resolution=words[:255]):
            raise StateConflictError(gettext("Somebody was quicker and decided about it."))
        _record(asker, entry, act, details)


def _record(asker: Asker, entry: Quarantine, act: str, details: Mapping[str, Any]) -> None:
    audit.record_quarantine(
        asker,
        act,
        entry=entry.pk,
        study_instance_uid=entry.study_instance_uid,
        details={"reason_code": entry.reason_code, **details},
    )
