"""DIMSE messages within limits; a C-STORE's data set goes to a spool file as it arrives."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from archive.dimse.store_requests import StoreRequest, store_request
from archive.dimse.storing import part10_header
from archive.dimse.waiting import LOOK_AGAIN_S, WakingQueue
from archive.errors import ArchiveError, InvalidInstanceError, LimitExceededError
from archive.ingest.spooling import open_spool

if TYPE_CHECKING:
    from archive.storage.types import SpoolFile

logger = logging.getLogger(__name__)

# PS3.7 E: a command set has some 20 short elements; none of ours needs more than a few hundred.
MAX_COMMAND_BYTES = 64 * 1024
MAX_IDENTIFIER_BYTES = 1024 * 1024
# Requests that a peer may send before the answer to the first: none is negotiated.
MAX_WAITING_MESSAGES = 4
_WHOLE_COMMAND = 0x03  # control header of a command's only fragment (PS3.8 E.2)
_INVALID_PDU = "Evt19"  # PS3.8 9.2: makes the state machine abort the association


class ReceivedDataset:
    """A C-STORE's data set on its way to disk, in the shape of pynetdicom's temporary file.

    The Part 10 header is written in front of the data set's bytes, which stay as they came.
    """

    def __init__(self, announced: tuple[str, str], transfer_syntax_uid: str) -> None:
        self.spool: SpoolFile | None = None
        self.error: ArchiveError | None = None
        self.received_bytes = 0
        self.limit_bytes = int(settings.TWINSIGHT_MAX_INSTANCE_BYTES)
        # SOP Class and SOP Instance.
        self.announced = announced
        try:
            self.spool = open_spool()
            self.spool.write(part10_header(*self.announced, transfer_syntax_uid))
        except ArchiveError as error:
            self._fail(error)

    @property
    def file(self) -> ReceivedDataset:
        """The file behind the wrapper, which pynetdicom flushes after each fragment."""
        return self

    @property
    def name(self) -> str:
        """Path that pynetdicom unlinks after the answer."""
        return str(self.spool.path) if self.spool else ""

    def write(self, data: bytes | memoryview) -> int:
        """Take a fragment; after an error nothing more is written, and the answer will say why."""
        self.received_bytes += len(data)
        if self.received_bytes > self.limit_bytes:
            message = f"The instance is larger than the limit of {self.limit_bytes} bytes."
            self._fail(LimitExceededError(message))
        if self.spool is not None:
            try:
                self.spool.write(data)
            except ArchiveError as error:
                self._fail(error)
        return len(data)

    def finish(self) -> None:
        """Take note that all is there: making it durable begins beside everything else."""
        if self.spool is not None:
            try:
                self.spool.begin_sync()
            except ArchiveError as error:
                self._fail(error)

    def flush(self) -> None:
        """Nothing is read before the whole data set is there."""

    def close(self) -> None:
        """Discard the spool file; what was kept lies elsewhere."""
        if self.spool is not None:
            self.spool.close()

    def _fail(self, error: ArchiveError) -> None:
        self.close()
        self.spool, self.error = None, self.error or error


@dataclass(frozen=True)
class _Storing:
    """A C-STORE request whose command is complete, and its data set under way."""

    message: DIMSEMessage | StoreRequest
    received: ReceivedDataset


class _Messages(WakingQueue[Any]):
    """Messages as they came: a cancel that came before a request is meant for an older one."""

    cancelled: dict[int, Any]

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 as queue.Queue has it
        """Forget older cancels of the same number, then put the message."""
        self.cancelled.pop(getattr(item[1], "MessageID", None), None)  # type: ignore[arg-type]
        super().put(item, block, timeout)


class SpoolingDimse(DIMSEServiceProvider):
    """Receives messages within limits and hands C-STORE data sets to spool files."""

    def __init__(self, assoc: Any) -> None:
        super().__init__(assoc)
        self._is_closed = False
        self._storing: _Storing | None = None
        self.arrived = threading.Event()
        self.msg_queue = _Messages(self.arrived.set)
        self.msg_queue.cancelled = self.cancel_req

    def get_msg(self, block: bool = False) -> Any:  # noqa: FBT001, FBT002 as pynetdicom has it
        """Return the next message; the association's loop, which asks all the time, waits here."""
        if not block:
            self.arrived.wait(LOOK_AGAIN_S)
            self.arrived.clear()
        return super().get_msg(block)

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the PDVs of one P-DATA-TF; anything out of order aborts the association."""
        self.receive_values(
            [
                (context_id, data[0], memoryview(data)[1:])
                for context_id, data in primitive.presentation_data_value_list
            ]
        )

    def receive_values(self, values: list[tuple[int, int, memoryview]]) -> None:
        """Take context, control header and fragment of each value of a P-DATA-TF."""
        try:
            for context_id, control, fragment in values:
                self._check_limits(control, len(fragment) + 1)
                if self._storing is not None:
                    self._receive_dataset(context_id, control, fragment)
                    continue
                if self.message is None and control == _WHOLE_COMMAND:
                    untyped: Any = store_request(context_id, fragment)
                    if untyped is not None:
                        self.message = untyped
                        self._open_dataset(context_id)
                        continue
                single = P_DATA()
                data = [context_id, bytes((control,)) + fragment]
                # A list, although the annotation says tuple: the setter takes nothing else.
                single.presentation_data_value_list = [data]  # type: ignore[list-item]
                super().receive_primitive(single)
                self._open_dataset(context_id)
        except Exception as error:  # noqa: BLE001 the state machine must go on, to abort
            # Without the trace: it could show the values of a peer's message.
            name = type(error).__name__
            logger.warning("invalid DIMSE message (%s): the association is aborted", name)
            self.dul.event_queue.put(_INVALID_PDU)

    def _receive_dataset(self, context_id: int, control: int, fragment: memoryview) -> None:
        """Take a fragment of a C-STORE's data set; with the last one the request is whole."""
        storing: Any = self._storing
        if control & 1 or context_id != storing.message.context_id:
            error = "a fragment that is none of the data set under way"
            raise InvalidInstanceError(error)
        storing.received.write(fragment)
        if control & 2:
            storing.received.finish()
            self.message = self._storing = None
            self.msg_queue.put((context_id, storing.message.message_to_primitive()))

    def discard(self) -> None:
        """Drop what was received and not answered; the association is over."""
        self._is_closed = True
        message = self.message
        if message is not None and message._data_set_file is not None:  # noqa: SLF001 no public name
            message._data_set_file.close()  # noqa: SLF001 as above
        while True:
            try:
                _, waiting = self.msg_queue.get_nowait()
            except queue.Empty:
                return
            file = getattr(waiting, "_dataset_file", None)
            if file is not None:
                file.close()

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun or waits for its answer."""
        return self.message is not None or not self.msg_queue.empty()

    def _open_dataset(self, context_id: int) -> None:
        """Give a C-STORE whose command is complete a file for its data set."""
        message: Any = self.message
        if not isinstance(message, C_STORE_RQ | StoreRequest) or message._data_set_file is not None:  # noqa: SLF001
            return
        if self._is_closed or self.msg_queue.qsize() >= MAX_WAITING_MESSAGES:
            error = "too many requests without waiting for an answer"
            raise LimitExceededError(error)
        context = self.assoc._accepted_cx[context_id]  # noqa: SLF001 no public name
        received = ReceivedDataset(_announced(message), str(context.transfer_syntax[0]))
        message._data_set_file = received  # noqa: SLF001 as pynetdicom's chunked mode does
        self._storing = _Storing(message, received)

    def _check_limits(self, control: int, length: int) -> None:
        message: Any = self.message
        if message is None:
            return
        is_command = bool(control & 1)
        received = message._data_set_file  # noqa: SLF001 no public name
        if is_command:
            size, limit = message.encoded_command_set.tell(), MAX_COMMAND_BYTES
        elif received is not None:
            # Refused by its own limit already; past twice that, the peer is not worth hearing out.
            size, limit = received.received_bytes, 2 * received.limit_bytes
        else:
            size, limit = message.data_set.tell(), MAX_IDENTIFIER_BYTES
        if size + length > limit:
            error = "message too long"
            raise LimitExceededError(error)


def _announced(message: Any) -> tuple[str, str]:
    """Return the SOP Class and SOP Instance that a C-STORE request names."""
    if isinstance(message, StoreRequest):
        return message.announced
    command: Any = message.command_set
    return (
        str(command.get("AffectedSOPClassUID") or ""),
        str(command.get("AffectedSOPInstanceUID") or ""),
    )
