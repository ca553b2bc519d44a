"""Which presentation contexts the listener accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import _STORAGE_CLASSES

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"
QUERY_CLASSES = frozenset({PATIENT_FIND, STUDY_FIND, WORKLIST_FIND})
MOVE_CLASSES = frozenset({PATIENT_MOVE, STUDY_MOVE})
GET_CLASSES = frozenset({PATIENT_GET, STUDY_GET})
PATIENT_ROOT = frozenset({PATIENT_FIND, PATIENT_MOVE, PATIENT_GET})
# Of identifiers: never deflated, which would be a bomb's way in.
PLAIN = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)

STORAGE_CLASSES = frozenset(str(uid) for uid in _STORAGE_CLASSES.values())
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


@dataclass(frozen=True)
class Rights:
    """What a peer may ask for, and in which transfer syntaxes it likes to be answered."""

    may_store: bool = False
    may_query: bool = False
    may_retrieve: bool = False
    preferred: tuple[str, ...] = ()


def is_storage_class(sop_class_uid: str) -> bool:
    """Whether instances of the class can be archived: the standard's, and private ones as set."""
    if sop_class_uid in STORAGE_CLASSES:
        return True
    if sop_class_uid.startswith(_DICOM_ROOT):
        return False
    private: list[str] = settings.TWINSIGHT_PRIVATE_SOP_CLASSES
    return "*" in private or sop_class_uid in private


def supported_contexts(
    requested: Iterable[PresentationContext],
    rights: Rights,
    *,
    scp_roles: Collection[str] = (),
) -> list[PresentationContext]:
    """Return what is supported of the requested contexts.

    Transfer syntaxes of storage are taken in the requestor's order: the first it names is the one
    in which it has its files. Where it wants to be sent instances (C-GET), those come first that
    everything can be sent in.

    Parameters
    ----------
    requested
        the requestor's proposal
    rights
        of the peer
    scp_roles
        SOP classes for which it proposes to take the role of the SCP
    """
    offered: dict[str, list[str]] = {}
    for context in requested:
        uid = str(context.abstract_syntax)
        known = _known_syntaxes(uid, rights, is_scp=uid in scp_roles)
        syntaxes = offered.setdefault(uid, [])
        syntaxes += [
            str(syntax)
            for syntax in context.transfer_syntax
            if syntax in known and syntax not in syntaxes
        ]
    return [
        _context(uid, syntaxes, rights, is_scp=uid in scp_roles)
        for uid, syntaxes in offered.items()
        if syntaxes
    ]


def _known_syntaxes(uid: str, rights: Rights, *, is_scp: bool) -> Collection[str]:
    """Transfer syntaxes in which a class is served to the peer; none where it is not."""
    if uid == VERIFICATION:
        return TRANSFER_SYNTAXES
    if uid in QUERY_CLASSES:
        return PLAIN if rights.may_query else ()
    if uid in MOVE_CLASSES | GET_CLASSES:
        return PLAIN if rights.may_retrieve else ()
    if uid == COMMITMENT:
        return PLAIN if rights.may_store else ()
    if is_storage_class(uid) and (rights.may_store or (rights.may_retrieve and is_scp)):
        return TRANSFER_SYNTAXES
    return ()


def _context(
    sop_class_uid: str, transfer_syntaxes: Sequence[str], rights: Rights, *, is_scp: bool
) -> PresentationContext:
    context = PresentationContext()
    context.abstract_syntax = sop_class_uid
    if is_scp and is_storage_class(sop_class_uid):
        # Roles that the requestor may take.
        context.scu_role, context.scp_role = rights.may_store, rights.may_retrieve
        if rights.may_retrieve:
            first = (*rights.preferred, *PLAIN)
            transfer_syntaxes = sorted(
                transfer_syntaxes, key=lambda uid: first.index(uid) if uid in first else len(first)
            )
    context.transfer_syntax = [UID(syntax) for syntax in transfer_syntaxes]
    return context
