"""What passes between the queues and the protocols by which peers are spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydicom.dataset import Dataset

    from archive.models import Instance, Peer
    from archive.storage.types import SpoolFile


@dataclass(frozen=True)
class SendOutcome:
    """What a peer said to one instance.

    ``is_retriable`` holds where the same instance may be taken later: the peer is full, or the
    connection was lost before it answered.
    """

    sop_instance_uid: str
    is_sent: bool
    message: str = ""
    is_retriable: bool = False


@dataclass(frozen=True)
class FetchCounts:
    """How many instances of a study came, and how many the peer could not give."""

    received: int
    failed: int = 0
    message: str = ""


class PeerClient(Protocol):
    """How a peer is spoken to: `archive.forwarding.dimse_client` and `dicomweb_client`.

    Where a peer can't be reached or refuses to talk, each raises PeerUnreachableError or
    PeerRefusedError; texts are safe to show.
    """

    def echo(self, peer: Peer) -> str:
        """Return what is wrong with the connection, or nothing."""
        ...

    def send(self, peer: Peer, instances: Sequence[Instance]) -> Iterator[SendOutcome]:
        """Send instances (blob loaded) and yield an outcome for each as the peer answers."""
        ...

    def find(self, peer: Peer, level: str, keys: Mapping[str, str]) -> list[Dataset]:
        """Return what matches at STUDY, SERIES or IMAGE; keys by keyword, empty to return."""
        ...

    def get(
        self, peer: Peer, study_instance_uid: str, on_instance: Callable[[SpoolFile], None]
    ) -> FetchCounts:
        """Fetch a study; ``on_instance`` is given each Part 10 file, and raises to stop.

        The spool file is the client's: it is closed when ``on_instance`` returns.
        """
        ...
