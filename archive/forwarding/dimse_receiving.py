"""What a peer answers, within limits; instances that it sends go to a spool file as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from pydicom.uid import UID
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dsutils import create_file_meta, encode_file_meta
from pynetdicom.pdu_primitives import P_DATA

from archive.errors import LimitExceededError
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from archive.storage.types import SpoolFile

# A command set, or the identifier of one answer.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_INVALID_PDU = "Evt19"  # PS3.8 9.2: makes the state machine abort the association


class SpooledInstance:
    """A data set on its way to disk behind a Part 10 header, as pynetdicom's temporary file."""

    def __init__(self, command: Any, transfer_syntax_uid: str) -> None:
        self.spool: SpoolFile = blob_store().spool()
        self.received_bytes = 0
        meta = create_file_meta(
            sop_class_uid=command.AffectedSOPClassUID,
            sop_instance_uid=command.AffectedSOPInstanceUID,
            transfer_syntax=UID(transfer_syntax_uid),
        )
        self.spool.write(bytes(128) + b"DICM" + bytes(encode_file_meta(meta)))

    @property
    def file(self) -> SpooledInstance:
        """The file behind the wrapper, which pynetdicom flushes after each fragment."""
        return self

    @property
    def name(self) -> str:
        """Path of the spool file."""
        return str(self.spool.path)

    def write(self, data: bytes) -> int:
        """Take a fragment."""
        self.received_bytes += len(data)
        if self.received_bytes > int(settings.TWINSIGHT_MAX_INSTANCE_BYTES):
            raise LimitExceededError("The peer sends an instance larger than the limit.")
        return self.spool.write(data)

    def flush(self) -> None:
        """Nothing is read before the whole data set is there."""

    def close(self) -> None:
        """Discard the spool file; what was kept lies elsewhere."""
        self.spool.close()


class ClientDimse(DIMSEServiceProvider):
    """Bounds what is held of a peer's messages."""

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the fragments of one PDU; too much, or anything out of order, aborts."""
        try:
            for item in primitive.presentation_data_value_list:
                single = P_DATA()
                # A list, although the annotation says tuple: the setter takes nothing else.
                single.presentation_data_value_list = [list(item)]  # type: ignore[list-item]
                super().receive_primitive(single)
                self._open_spool(item[0])
                self._check_size()
        except Exception:  # noqa: BLE001 the state machine must go on, to abort
            self.discard()
            self.dul.event_queue.put(_INVALID_PDU)

    def discard(self) -> None:
        """Drop a half received instance."""
        message: Any = self.message
        if message is not None and message._data_set_file is not None:  # noqa: SLF001 no public name
            message._data_set_file.close()  # noqa: SLF001 as above

    def _open_spool(self, context_id: int) -> None:
        """Give a C-STORE whose command is complete a file for its data set."""
        message: Any = self.message
        if isinstance(message, C_STORE_RQ) and message._data_set_file is None:  # noqa: SLF001
            context = self.assoc._accepted_cx[context_id]  # noqa: SLF001 no public name
            syntax = str(context.transfer_syntax[0])
            untyped: Any = message
            untyped._data_set_file = SpooledInstance(message.command_set, syntax)  # noqa: SLF001

    def _check_size(self) -> None:
        message: Any = self.message
        if message is None:
            return
        if message.encoded_command_set.tell() + message.data_set.tell() > MAX_MESSAGE_BYTES:
            raise LimitExceededError("The peer's message is too long.")
