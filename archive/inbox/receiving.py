"""Pieces of files as they arrive: each at its offset, durable before it is acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext

from archive.errors import NotVisibleError, StateConflictError
from archive.inbox import spool
from archive.inbox.errors import WrongOffsetError
from archive.inbox.selectors import ABSENT, find_file
from archive.models import UploadBatch, UploadFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.audit.types import Asker


def received_bytes(file: UploadFile) -> int:
    """Return how much of a file is surely here: as its row says, and no more than lies there."""
    if file.state != UploadFile.State.RECEIVING:
        return int(file.received_bytes)
    return min(int(file.received_bytes), spool.size(file.spool_name))


def receive_piece(
    *, asker: Asker, batch_id: int, file_id: int, offset: int, chunks: Iterable[bytes]
) -> UploadFile:
    """Write a piece of a file.

    Parameters
    ----------
    asker
        whose upload it is
    offset
        where the piece begins: what `received_bytes` says
    chunks
        its bytes; an error of the sender in the middle leaves what came before it

    Returns
    -------
    the file as it is now

    Raises
    ------
    NotVisibleError
        There is no such file of the asker's.
    WrongOffsetError
        The piece does not begin where the file ends.
    StateConflictError
        The file takes no more.
    """
    file = _own_file(asker, batch_id, file_id)
    _require_receiving(file)
    spool.check_room()
    _write(file, offset, chunks)
    return file


def receive_whole(
    *, asker: Asker, batch_id: int, file_ids: Sequence[int], chunks: Iterable[bytes]
) -> list[UploadFile]:
    """Write several small files out of one body, one behind the other, each from its beginning.

    A folder of slices is thousands of files; a request for each would take longer than they do.

    Returns
    -------
    the files as they are now; after an error of the sender those before it are whole
    """
    files = [_own_file(asker, batch_id, file_id) for file_id in file_ids]
    for file in files:
        _require_receiving(file)
    spool.check_room(sum(file.size_bytes for file in files))
    source = _Source(chunks)
    for file in files:
        _write(file, None, source.take(file.size_bytes))
    return files


def _write(file: UploadFile, offset: int | None, chunks: Iterable[bytes]) -> None:
    """Write at the offset, or anew; what is known of the file is read while nobody else writes."""
    with spool.held(file.spool_name) as writer:
        file.refresh_from_db(fields=["state", "received_bytes"])
        _require_receiving(file)
        known = received_bytes(file)
        if offset is not None and offset != known:
            message = f"The file has {known} bytes here; the piece begins at {offset}."
            raise WrongOffsetError(message, received=known)
        try:
            writer.append(offset or 0, chunks, max_bytes=file.size_bytes)
        finally:
            _note(file, writer.size)


class _Source:
    """Hands out so many bytes at a time, whatever pieces they come in."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def take(self, size: int) -> Iterator[bytes]:
        while size:
            chunk = self._rest or next(self._chunks, b"")
            if not chunk:
                return
            piece, self._rest = chunk[:size], chunk[size:]
            size -= len(piece)
            yield piece


def _own_file(asker: Asker, batch_id: int, file_id: int) -> UploadFile:
    if asker.user is None:
        raise NotVisibleError(ABSENT)
    file = find_file(asker.user, batch_id, file_id)
    if file.batch.user_id != asker.user.pk:
        raise NotVisibleError(ABSENT)
    return file


def _require_receiving(file: UploadFile) -> None:
    if file.batch.state != UploadBatch.State.RECEIVING:
        raise StateConflictError(gettext("The upload takes no more files."))
    if file.state != UploadFile.State.RECEIVING:
        raise StateConflictError(gettext("The file is here already, or was left out."))


def _note(file: UploadFile, size: int) -> None:
    """Put down how much is here, unless the upload was given up meanwhile."""
    file.received_bytes = size
    if size == file.size_bytes:
        file.state = UploadFile.State.RECEIVED
    rows = UploadFile.objects.filter(pk=file.pk, batch__state=UploadBatch.State.RECEIVING)
    if not rows.update(received_bytes=size, state=file.state):
        spool.discard([file.spool_name])
        raise StateConflictError(gettext("The upload was given up."))
    UploadBatch.objects.filter(pk=file.batch_id).update(touched_at=timezone.now())
