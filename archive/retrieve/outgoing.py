"""Instances on their way to another system: C-GET, C-MOVE, forwarding, in a syntax it takes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.file_meta import read_file_meta
from archive.dicom.reading import locate_dataset
from archive.dicom.transcoding import as_transfer_syntax
from archive.errors import BlobMissingError, NotAcceptableError, PixelDecodingError
from archive.retrieve.datasets import is_served_as_stored, load_dataset, open_instance
from archive.retrieve.splicing import spliced_file
from archive.retrieve.transfer_syntaxes import (
    makeable_syntaxes,
    peer_transfer_syntax,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import BinaryIO

    from archive.models import Instance

CHUNK_BYTES = 1024 * 1024
_HEAD_BYTES = 64 * 1024
_PREAMBLE = bytes(128)
_MAGIC = b"DICM"


@dataclass(frozen=True)
class OutgoingInstance:
    """One instance, ready to be sent: stored bytes left in the store, others made already.

    ``size_bytes`` counts the data set alone. Each reading opens the bytes anew.
    """

    instance: Instance
    transfer_syntax_uid: str
    dataset_offset: int
    size_bytes: int
    made: bytes | None = None
    # Its header is written anew, its pixel data is not.
    is_corrected: bool = False

    @property
    def sop_class_uid(self) -> str:
        """SOP class of the instance."""
        return str(self.instance.sop_class_uid)

    @property
    def sop_instance_uid(self) -> str:
        """UID of the instance."""
        return str(self.instance.sop_instance_uid)

    @property
    def is_as_stored(self) -> bool:
        """Whether the bytes go out as they came."""
        return self.made is None and not self.is_corrected

    def dataset_chunks(self) -> Iterator[bytes]:
        """Give the encoded data set without preamble and file meta information.

        Raises
        ------
        BlobMissingError
            The bytes are gone.
        """
        with self._open() as file:
            file.seek(self.dataset_offset)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def dataset_bytes(self) -> bytes:
        """Give the same in one piece."""
        with self._open() as file:
            file.seek(self.dataset_offset)
            return file.read()

    def part10_chunks(self) -> Iterator[bytes]:
        """Give the whole file, the preamble zeroed (CVE-2019-11687)."""
        with self._open() as file:
            head = file.read(len(_PREAMBLE) + len(_MAGIC))
            if not head.endswith(_MAGIC) or len(head) < len(_PREAMBLE) + len(_MAGIC):
                # Stored without a preamble: the data set goes behind file meta of our own.
                yield from _made_anew(self.instance, self.transfer_syntax_uid)
                return
            yield _PREAMBLE + _MAGIC + file.read(CHUNK_BYTES)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def _open(self) -> BinaryIO:
        if self.is_corrected:
            spliced = spliced_file(self.instance)
            if spliced is None:
                raise BlobMissingError("The stored file changed while it was sent.")
            return io.BufferedReader(spliced, CHUNK_BYTES)
        return open_instance(self.instance) if self.made is None else io.BytesIO(self.made)


def offered_transfer_syntaxes(instance: Instance) -> list[str]:
    """Transfer syntaxes to propose for an instance, the best first: as stored, then plain ones.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    """
    stored = str(instance.transfer_syntax_uid)
    return list(dict.fromkeys([stored, *makeable_syntaxes(instance)]))


def outgoing_instance(instance: Instance, accepted: Collection[str]) -> OutgoingInstance:
    """Prepare an instance for a system that takes some transfer syntaxes.

    As stored where that is among them, else uncompressed, else compressed without loss.

    Parameters
    ----------
    instance
        with its blob loaded, whose rights were checked by the caller
    accepted
        transfer syntax UIDs that the receiver takes for this SOP class

    Raises
    ------
    NotAcceptableError
        ``no-transfer-syntax``: none of them can be made of this instance.
    PixelDecodingError
        Its pixels can't be decoded, so that it only goes out as stored.
    BlobMissingError
        The bytes are gone.

    References
    ----------
    DICOM PS3.4 C.4.2.3.1, PS3.5 section 10
    """
    stored = str(instance.transfer_syntax_uid)
    chosen = peer_transfer_syntax(instance, accepted)
    if chosen == stored and is_served_as_stored(instance):
        with open_instance(instance) as file:
            place = locate_dataset(file)
        if place.is_as_stated:
            size = instance.blob.size_bytes - place.offset
            return OutgoingInstance(instance, stored, place.offset, size)
    spliced = spliced_file(instance) if chosen == stored else None
    if spliced is not None:
        with spliced:
            head = spliced.read(_HEAD_BYTES)
            offset = read_file_meta(head).dataset_offset
            size = spliced.size_bytes - offset
        return OutgoingInstance(instance, stored, offset, size, is_corrected=True)
    made = _transcoded(instance, chosen)
    offset = read_file_meta(made).dataset_offset
    return OutgoingInstance(instance, chosen, offset, len(made) - offset, made)


def _transcoded(instance: Instance, transfer_syntax_uid: str) -> bytes:
    try:
        return as_transfer_syntax(load_dataset(instance), transfer_syntax_uid)
    except PixelDecodingError as error:
        if error.code != "not-encodable":
            raise
        raise NotAcceptableError(error.message, code="no-transfer-syntax") from error


def _made_anew(instance: Instance, transfer_syntax_uid: str) -> Iterator[bytes]:
    yield _transcoded(instance, transfer_syntax_uid)
