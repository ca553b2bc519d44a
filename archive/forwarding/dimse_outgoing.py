"""Stored instances as C-STORE sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.retrieve.files import outgoing_file
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.models import Instance


class OutgoingInstance:
    """An instance that can be sent as it is stored, or transcoded.

    Parameters
    ----------
    instance
        with its blob; rights were checked by the caller
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.sop_class_uid = instance.sop_class_uid
        self.sop_instance_uid = instance.sop_instance_uid
        self.transfer_syntax_uid = instance.transfer_syntax_uid

    def encoded(self, accepted: Sequence[str]) -> tuple[str, Path | bytes]:
        """Return a transfer syntax out of the accepted ones and the Part 10 file in it."""
        if self.transfer_syntax_uid in accepted:
            return self.transfer_syntax_uid, blob_store().path(self.instance.blob.sha256)
        made = outgoing_file(self.instance, accepted)
        return made.transfer_syntax_uid, b"".join(made.chunks)
