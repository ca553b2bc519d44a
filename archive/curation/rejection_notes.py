"""Rejection notes are obeyed when they arrive, and for what they name and comes later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction

from archive.audit.corrections import record_deletion_refused
from archive.audit.types import Asker
from archive.curation.note_rights import is_obeyed
from archive.curation.removals import withhold_instances
from archive.dicom.reading import read_dataset
from archive.dicom.rejection_notes import (
    KEY_OBJECT_SELECTION,
    RETENTION_EXPIRED,
    read_rejection_note,
)
from archive.errors import ArchiveError
from archive.models import Instance, Removal, Study
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.dicom.rejection_notes import RejectionNote

logger = logging.getLogger(__name__)

MAX_NOTE_BYTES = 16 * 1024 * 1024


def obey_notes(study_ids: Iterable[int]) -> int:
    """Withhold what the rejection notes of some studies name.

    *Data Retention Policy Expired* deletes, to be undone by an admin and purged by nobody else's
    decision than theirs; the other titles reject. A note that was undone is not obeyed again.

    It does what who sent it may do themselves (`note_rights`).

    Parameters
    ----------
    study_ids
        of studies to which something was added

    Returns
    -------
    how many instances were withheld
    """
    notes = Instance.objects.filter(
        series__study__in=list(study_ids),
        sop_class_uid=KEY_OBJECT_SELECTION,
        blob__size_bytes__lte=MAX_NOTE_BYTES,
        withheld=Instance.Withheld.NOT,
    )
    rows = notes.select_related("blob", "series").order_by("series__study_id", "pk")
    return sum(_obey(note, row.series.study_id) for row in rows for note in _read(row))


def _read(row: Instance) -> Iterator[RejectionNote]:
    try:
        with blob_store().open(row.blob.sha256) as file:
            note = read_rejection_note(read_dataset(file))
    except (ArchiveError, ValueError, TypeError, AttributeError, KeyError, NotImplementedError):
        logger.exception("key object selection can't be read", extra={"instance": row.pk})
        return
    if note is not None:
        yield note


@transaction.atomic
def _obey(note: RejectionNote, study_id: int) -> int:
    study = Study.objects.select_for_update(no_key=True).filter(pk=study_id).first()
    undone = Removal.objects.filter(
        note_sop_instance_uid=note.sop_instance_uid, undone_at__isnull=False
    )
    if study is None or undone.exists() or not is_obeyed(note, study):
        return 0
    if study.legal_hold_reason and note.code == RETENTION_EXPIRED:
        record_deletion_refused(_asker(note), study_instance_uid=study.study_instance_uid)
        return 0
    withheld = 0
    for series_uid, uids in note.series.items():
        rows = Instance.objects.filter(
            series__study=study,
            series__series_instance_uid=series_uid,
            sop_instance_uid__in=uids,
            withheld=Instance.Withheld.NOT,
        )
        if rows.exists():
            removal = _removal(note, study, series_uid, uids)
            withhold_instances(study=study, instances=rows, removal=removal, asker=_asker(note))
            withheld += removal.number_of_instances
    return withheld


def _removal(note: RejectionNote, study: Study, series_uid: str, uids: tuple[str, ...]) -> Removal:
    is_one = len(uids) == 1
    is_expired = note.code == RETENTION_EXPIRED
    return Removal(
        kind=Removal.Kind.DELETED if is_expired else Removal.Kind.REJECTED,
        level=Removal.Level.INSTANCE if is_one else Removal.Level.SERIES,
        study_instance_uid=study.study_instance_uid,
        uid=uids[0] if is_one else series_uid,
        reason=note.title,
        note_sop_instance_uid=note.sop_instance_uid,
        reason_code=note.code,
    )


def _asker(note: RejectionNote) -> Asker:
    return Asker(door="note", name=f"rejection note {note.sop_instance_uid}"[:150])
