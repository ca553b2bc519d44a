"""Rows and bytes of what was deleted, taken away for good; a tombstone each stays."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from archive.audit import removals as audit
from archive.audit.types import Asker
from archive.curation.states import judged_states, refresh_states
from archive.errors import StorageError
from archive.models import (
    Blob,
    Correction,
    Instance,
    Patient,
    PatientAlias,
    Quarantine,
    Removal,
    ResearchDecision,
    Series,
    Study,
    Tombstone,
)
from archive.models.byte_locks import lock_bytes
from archive.models.querysets import DELETED
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

# A transaction holds the study's lock: large studies go in parts.
_BATCH = 100


def purge_due(*, most: int = 300) -> int:
    """Purge removals whose time has come, the oldest first.

    Parameters
    ----------
    most
        instances at most; the rest is for the next round

    Returns
    -------
    how many instances went
    """
    due = Removal.objects.filter(
        kind=Removal.Kind.DELETED,
        purge_after__lte=timezone.now(),
        undone_at__isnull=True,
        purged_at__isnull=True,
    )
    held = Study.objects.exclude(legal_hold_reason="").values("study_instance_uid")
    due = due.exclude(study_instance_uid__in=held)
    purged = 0
    for key in due.order_by("purge_after", "pk").values_list("pk", flat=True)[:100]:
        while purged < most and (number := purge_batch(key)):
            purged += number
        if purged >= most:
            break
    return purged


def purge_batch(removal_id: int) -> int:
    """Purge some instances of a removal, whose time must have come; close it after the last.

    Parameters
    ----------
    removal_id
        key of the removal

    Returns
    -------
    how many instances went; 0 when none are left, or when it was undone
    """
    with transaction.atomic():
        digests = _purge_rows(removal_id)
    _delete_bytes(digests)
    return len(digests)


def _purge_rows(removal_id: int) -> list[str]:
    found = Removal.objects.get(pk=removal_id)
    study = (
        Study.objects.select_for_update()
        .filter(study_instance_uid=found.study_instance_uid)
        .first()
    )
    removal = Removal.objects.select_for_update(no_key=True).get(pk=removal_id)
    is_due = removal.purge_after is not None and removal.purge_after <= timezone.now()
    is_held = study is not None and bool(study.legal_hold_reason)
    if not is_due or is_held or removal.undone_at or removal.purged_at:
        return []
    rows = Instance.objects.filter(removal=removal, withheld=DELETED)
    instances = list(rows.select_related("blob", "series").order_by("pk")[:_BATCH])
    if study is None or not instances:
        _close(removal)
        return []
    judged = judged_states(study)
    digests = _bury(removal, instances)
    _delete_empty(study, {instance.series_id for instance in instances})
    if Study.objects.filter(pk=study.pk).exists():
        refresh_states(study, judged)
    return digests


def _bury(removal: Removal, instances: Sequence[Instance]) -> list[str]:
    """Leave a tombstone for each, and delete its row with all that hangs on it."""
    Tombstone.objects.bulk_create(
        [
            Tombstone(
                removal=removal,
                study_instance_uid=removal.study_instance_uid,
                series_instance_uid=instance.series.series_instance_uid,
                sop_instance_uid=instance.sop_instance_uid,
                dataset_sha256=instance.dataset_sha256,
            )
            for instance in instances
        ],
        ignore_conflicts=True,
    )
    Instance.objects.filter(pk__in=[instance.pk for instance in instances]).delete()
    size = sum(instance.blob.size_bytes for instance in instances)
    study = Study.objects.get(pk=instances[0].series.study_id)
    Study.objects.filter(pk=study.pk).update(stored_bytes=max(0, study.stored_bytes - size))
    blobs = {instance.blob_id: instance.blob.sha256 for instance in instances}
    # The same bytes may have been refused once, and are kept for that.
    kept = set(Quarantine.objects.filter(blob__in=blobs).values_list("blob_id", flat=True))
    gone = {key: sha256 for key, sha256 in blobs.items() if key not in kept}
    Blob.objects.filter(pk__in=gone).delete()
    return [gone.get(instance.blob_id, "") for instance in instances]


def _delete_empty(study: Study, series_ids: set[int]) -> None:
    """Delete series, study and patient that hold nothing any more."""
    for series in Series.objects.filter(pk__in=series_ids, instances__isnull=True):
        series.delete()
    if Series.objects.filter(study=study).exists():
        return
    done = Removal.objects.filter(
        study_instance_uid=study.study_instance_uid,
        undone_at__isnull=True,
        purged_at__isnull=True,
        instances__isnull=True,
    )
    for removal in done.order_by("pk"):
        _close(removal)
    patient = study.patient_id
    corrections = Correction.objects.filter(study_instance_uid=study.study_instance_uid)
    corrections.update(before={}, after={}, subject={})
    Study.objects.filter(pk=study.pk).delete()
    rows = Patient.objects.filter(pk=patient, studies__isnull=True, conflicts__isnull=True)
    for row in rows:
        # What corrections said of the patient goes with them; that there were some stays.
        Correction.objects.filter(patient=row).update(before={}, after={}, subject={})
        PatientAlias.objects.filter(patient=row).delete()
        if row.is_research_refused and row.dicom_patient_id:
            _keep_refusal(row)
        else:
            row.delete()


def _keep_refusal(patient: Patient) -> None:
    """Leave no more of a patient than the ID that is refused when it comes again."""
    ResearchDecision.objects.filter(patient=patient).update(reason="")
    Patient.objects.filter(pk=patient.pk).update(
        patient_name="", patient_name_search="", patient_birth_date=None, patient_sex=""
    )


def _close(removal: Removal) -> None:
    removal.purged_at = timezone.now()
    removal.save(update_fields=["purged_at"])
    number = removal.tombstones.count()
    audit.record_purge(Asker(door="system", name="purge"), removal, instances=number)


def _delete_bytes(digests: Sequence[str]) -> None:
    """Delete files whose rows are gone; what fails is found by `verify_archive`."""
    store = blob_store()
    for sha256 in sorted({sha256 for sha256 in digests if sha256}):
        try:
            with transaction.atomic():
                lock_bytes(sha256)
                # Sent again in the meantime, they have a row in the quarantine.
                if not Blob.objects.filter(sha256=sha256).exists():
                    store.delete(sha256)
        except StorageError:
            logger.exception("purged file could not be deleted", extra={"sha256": sha256})
