"""Stored instances as C-STORE sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.forwarding.dimse_sending import Encoded
from archive.retrieve.outgoing import outgoing_instance
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def encoded(self, accepted: Sequence[str]) -> Encoded:
        """Return the instance in one of the accepted transfer syntaxes, as stored where it can be.

        Raises
        ------
        ArchiveError
            It can't be had, or can't be made in any of them.
        """
        found = outgoing_instance(self.instance, accepted)
        if found.made is not None:
            return Encoded(found.transfer_syntax_uid, found.made, found.dataset_offset)
        if found.is_corrected:
            content = b"".join(found.part10_chunks())
            return Encoded(found.transfer_syntax_uid, content, found.dataset_offset)
        path = blob_store().path(self.instance.blob.sha256)
        return Encoded(found.transfer_syntax_uid, path, found.dataset_offset)
