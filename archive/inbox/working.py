"""One worker at one upload: small steps, each put down before the next."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from archive.access import selectors as access
from archive.audit import inbox as audit
from archive.audit.types import Asker
from archive.errors import ArchiveError, NotAllowedError, StorageError
from archive.inbox import claiming
from archive.inbox.batches import discard_files, give_up
from archive.inbox.looking import read_media, recognise_some, unpack_one
from archive.inbox.outlook import outline_some, try_study
from archive.inbox.selectors import progress_of
from archive.inbox.storing import store_some
from archive.inbox.types import WRAP
from archive.models import UploadBatch
from archive.notices.services import tell
from archive.notices.topics import JOBS

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
_State = UploadBatch.State


def work_on(batch_id: int, *, for_s: float) -> bool:
    """Work on an upload for a while; True where something is left to do.

    Parameters
    ----------
    batch_id
        of an upload that is being examined or stored; of any other nothing is done
    for_s
        seconds after which no new step begins
    """
    batch = claiming.claim(batch_id)
    if batch is None:
        return False
    ends_at = time.monotonic() + for_s
    is_suspect = batch.attempts > 1
    try:
        while _step(batch, lambda: time.monotonic() < ends_at, is_suspect=is_suspect):
            if not claiming.renew(batch):
                return False
            if time.monotonic() >= ends_at:
                claiming.release(batch)
                return True
    except (StorageError, OperationalError, InterfaceError) as error:
        message = error.message if isinstance(error, ArchiveError) else "The database is away."
        logger.warning("upload put off", extra={"batch": batch_id})
        claiming.put_off(batch, message)
        return False
    except FileNotFoundError:
        # Somebody gave it up meanwhile, and its files are gone.
        if claiming.renew(batch):
            raise
    return False


def _step(batch: UploadBatch, has_time: Callable[[], bool], *, is_suspect: bool) -> bool:
    """Do the next thing; False where the upload is at its end, or waits for a person."""
    if batch.state == _State.EXAMINING:
        return _examine(batch, has_time, is_suspect=is_suspect) or _conclude(batch)
    return _may_still_store(batch) and (
        store_some(batch, one_at_a_time=is_suspect) or _finish(batch)
    )


def _examine(batch: UploadBatch, has_time: Callable[[], bool], *, is_suspect: bool) -> bool:
    most = 1 if is_suspect else 200
    if recognise_some(batch, most=most) or unpack_one(batch, has_time) or read_media(batch):
        return True
    if not batch.is_preview_wanted:
        return False
    return outline_some(batch) or try_study(batch)


def _conclude(batch: UploadBatch) -> bool:
    """Go on to storing, or wait for the person's word; True where it goes on."""
    needs_words = batch.files.filter(state="received", outlook=WRAP).exists()
    waits = batch.is_preview_wanted or needs_words
    return _move(batch, _State.READY if waits else _State.STORING) and not waits


def _may_still_store(batch: UploadBatch) -> bool:
    """Ask the person's rights as they are now; without them the upload ends."""
    try:
        access.require_may_store(batch.user, batch.project)
    except NotAllowedError as error:
        with transaction.atomic():
            locked = UploadBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
            give_up(locked, error.message)
        discard_files(batch)
        return False
    return True


def _finish(batch: UploadBatch) -> bool:
    (progress,) = progress_of([batch])
    with transaction.atomic():
        preview = {**batch.preview, "stored": progress.by_state}
        if not _move(batch, _State.DONE, finished_at=timezone.now(), preview=preview):
            return False
        asker = Asker(door="upload", user=batch.user)
        audit.record_upload(
            asker, "upload-stored", batch=batch.pk, details={"files": progress.by_state}
        )
        tell(
            [batch.user_id],
            JOBS,
            _("An upload of yours is stored."),
            f"/upload/{batch.pk}/",
            key=f"upload:{batch.pk}",
        )
    discard_files(batch)
    return False


def _move(batch: UploadBatch, state: str, **values: Any) -> bool:
    """Take an upload on; False where somebody gave it up, or took it over, meanwhile."""
    values |= {"state": state, "touched_at": timezone.now(), "error": ""}
    if state != _State.STORING:
        values |= {"lease_until": None, "attempts": 0}
    mine = UploadBatch.objects.filter(pk=batch.pk, state=batch.state, lease_until=batch.lease_until)
    is_moved = bool(mine.update(**values))
    for name, value in values.items():
        setattr(batch, name, value)
    return is_moved
