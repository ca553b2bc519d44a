"""Instances as Part 10 files on their way out: streamed, without what a preamble may hide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.transcoding import as_transfer_syntax
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.errors import BlobMissingError, NotAcceptableError, PixelDecodingError
from archive.retrieve.datasets import is_served_as_stored, load_dataset, open_instance
from archive.retrieve.splicing import spliced_file
from archive.retrieve.transfer_syntaxes import ANY, NOT_FOR_THE_WEB, web_transfer_syntax
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archive.models import Instance

CHUNK_BYTES = 1024 * 1024
# Read in one piece: more pieces cost more than the memory is worth.
WHOLE_BYTES = 4 * 1024 * 1024
_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_ZEROED = bytes(_PREAMBLE_BYTES)


@dataclass(frozen=True)
class OutgoingFile:
    """A Part 10 file to send; the chunks can be read once."""

    transfer_syntax_uid: str
    size_bytes: int
    chunks: Iterator[bytes | memoryview]


def outgoing_file(instance: Instance, wanted: Collection[str] = ()) -> OutgoingFile:
    """Prepare an instance for sending.

    Stored bytes go out as they are, the preamble zeroed; another encoding is made only where the
    asker or the standard needs it. Data that no decoder manages goes out as stored, and says so.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    wanted
        transfer syntax UIDs that the asker takes, ``*`` for any, none for the web's default

    Raises
    ------
    NotAcceptableError
        No transfer syntax fits.
    BlobMissingError
        The bytes are gone.

    References
    ----------
    DICOM PS3.18 8.7.3, PS3.10 7.1; CVE-2019-11687 for the preamble
    """
    stored = instance.transfer_syntax_uid
    chosen = web_transfer_syntax(instance, wanted)
    if chosen == stored:
        plain = _as_stored(instance) or _corrected(instance)
        if plain is not None:
            return plain
    try:
        data = as_transfer_syntax(load_dataset(instance), chosen)
    except PixelDecodingError:
        if stored in NOT_FOR_THE_WEB or chosen != EXPLICIT_LITTLE:
            raise
        plain = _as_stored(instance) or _corrected(instance)
        if plain is not None:
            return plain
        chosen, data = stored, as_transfer_syntax(load_dataset(instance), stored)
    return OutgoingFile(chosen, len(data), iter([data]))


def stored_file_types(
    instances: Sequence[Instance], wanted: Collection[str] = ()
) -> list[tuple[str, int]] | None:
    """Tell how large the files of an answer are, before any of them is read.

    Parameters
    ----------
    instances
        whose rights were checked by the caller
    wanted
        as for `outgoing_file`

    Returns
    -------
    transfer syntax and size of each, or None where one of them has to be written anew
    """
    told = []
    for instance in instances:
        stored = str(instance.transfer_syntax_uid)
        is_as_stored = web_transfer_syntax(instance, wanted) == stored
        if not is_as_stored or not is_served_as_stored(instance):
            return None
        with open_instance(instance) as file:
            if not file.read(_PREAMBLE_BYTES + len(_MAGIC)).endswith(_MAGIC):
                return None
        told.append((stored, int(instance.blob.size_bytes)))
    return told


def available_instances(instances: Sequence[Instance]) -> list[Instance]:
    """Leave out the instances whose bytes are gone: one lost file does not withhold a study.

    Parameters
    ----------
    instances
        whose rights were checked by the caller

    Raises
    ------
    BlobMissingError
        The bytes of all of them are gone.
    """
    present = blob_store().present([instance.blob.sha256 for instance in instances])
    available = [instance for instance in instances if instance.blob.sha256 in present]
    if not available:
        raise BlobMissingError("The stored files are missing.")
    return available


def sendable_instances(instances: Sequence[Instance], wanted: Collection[str]) -> list[Instance]:
    """Leave out the instances that can't be had in the transfer syntaxes asked for.

    Known from their rows, before anything is sent: a segmentation of single bits does not withhold
    the images that it lies among.

    Parameters
    ----------
    instances
        whose rights were checked by the caller
    wanted
        as for `outgoing_file`

    Raises
    ------
    NotAcceptableError
        None of them can.
    """
    sendable: list[Instance] = []
    refusal: NotAcceptableError | None = None
    for instance in instances:
        try:
            web_transfer_syntax(instance, wanted)
        except NotAcceptableError as error:
            refusal = refusal or error
        else:
            sendable.append(instance)
    if refusal is not None and not sendable:
        raise refusal
    return sendable


def readable_file(instance: Instance, wanted: Collection[str]) -> OutgoingFile:
    """Prepare an instance among others, which does not end their answer where it is damaged.

    Pixels that no decoder manages go out as stored, and say so.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    wanted
        as for `outgoing_file`

    Raises
    ------
    NotAcceptableError, BlobMissingError
        As there.
    """
    try:
        return outgoing_file(instance, wanted)
    except PixelDecodingError:
        return outgoing_file(instance, (ANY,))


def _as_stored(instance: Instance) -> OutgoingFile | None:
    """Return the stored bytes, or None where what is sent must be written anew."""
    if not is_served_as_stored(instance):
        return None
    syntax, size = str(instance.transfer_syntax_uid), int(instance.blob.size_bytes)
    with open_instance(instance) as file:
        content = file.read(size if size <= WHOLE_BYTES else _PREAMBLE_BYTES + len(_MAGIC))
    if content[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] != _MAGIC:
        return None
    if size <= WHOLE_BYTES:
        # A view: the bytes are joined once, when they are sent.
        behind = memoryview(content)[_PREAMBLE_BYTES:]
        return OutgoingFile(syntax, len(content), iter([_ZEROED, behind]))
    return OutgoingFile(syntax, size, _chunks_behind_preamble(instance))


def _corrected(instance: Instance) -> OutgoingFile | None:
    """Return the file with what was corrected, its pixels as they are; None where it has none."""
    file = spliced_file(instance)
    if file is None:
        return None

    def chunks() -> Iterator[bytes]:
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return OutgoingFile(str(instance.transfer_syntax_uid), file.size_bytes, chunks())


def _chunks_behind_preamble(instance: Instance) -> Iterator[bytes]:
    # Opened when the sending begins: what is never sent leaves no file open.
    with open_instance(instance) as file:
        file.seek(_PREAMBLE_BYTES)
        yield _ZEROED + file.read(CHUNK_BYTES)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
