"""Which presentation contexts the listener accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import _STORAGE_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable

VERIFICATION = "1.2.840.10008.1.1"
_STORAGE = frozenset(_STORAGE_CLASSES.values())
_DICOM_ROOT = "1.2.840.10008."
# Kept as they come, compressed or not, but those whose pixels lie elsewhere: JPIP's behind a URL,
# SMPTE ST 2110's in another stream.
_ELSEWHERE = (
    "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.95",
    "1.2.840.10008.1.2.4.204",
    "1.2.840.10008.1.2.4.205",
    "1.2.840.10008.1.2.7.",
)
_GE_PRIVATE = "1.2.840.113619.5.2"
TRANSFER_SYNTAXES = frozenset(
    {
        _GE_PRIVATE,
        *(syntax for syntax in ALL_TRANSFER_SYNTAXES if not syntax.startswith(_ELSEWHERE)),
    }
)


def is_storage_class(sop_class_uid: str) -> bool:
    """Whether instances of the class can be archived: all of the standard's, and private ones."""
    return sop_class_uid in _STORAGE or not sop_class_uid.startswith(_DICOM_ROOT)


def supported_contexts(
    requested: Iterable[PresentationContext], *, may_store: bool
) -> list[PresentationContext]:
    """Return what is supported of the requested contexts.

    Transfer syntaxes are taken in the requestor's order: the first it names is the one in which
    it has its files.
    """
    offered: dict[str, list[str]] = {}
    for context in requested:
        uid = str(context.abstract_syntax)
        if uid == VERIFICATION or (may_store and is_storage_class(uid)):
            syntaxes = offered.setdefault(uid, [])
            syntaxes += [
                str(syntax)
                for syntax in context.transfer_syntax
                if syntax in TRANSFER_SYNTAXES and syntax not in syntaxes
            ]
    return [_context(uid, syntaxes) for uid, syntaxes in offered.items() if syntaxes]


def _context(sop_class_uid: str, transfer_syntaxes: list[str]) -> PresentationContext:
    context = PresentationContext()
    context.abstract_syntax = sop_class_uid
    context.transfer_syntax = [UID(syntax) for syntax in transfer_syntaxes]
    return context
