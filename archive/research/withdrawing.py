"""Copies of a patient who refused research are taken out of the projects where they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from archive.access.consent import has_refused, refused_studies, same_patients
from archive.audit.types import Asker
from archive.curation.removals import withhold_instances
from archive.models import Instance, Patient, Removal, Study
from archive.models.querysets import DELETED
from archive.research.pseudonyms import codes_of, find_realms, project_realm_name

if TYPE_CHECKING:
    from collections.abc import Iterable

REASON = "The patient refused research."


def hold_patient(key: int) -> Patient:
    """Lock all rows that are a patient; who refuses and who copies wait for each other so."""
    patient: Patient = Patient.objects.get(pk=key)
    held = {one.pk: one for one in same_patients(patient).select_for_update(no_key=True)}
    return held[key]


def withdraw_of_refused(study_keys: Iterable[int]) -> int:
    """Withdraw what was copied of studies whose patients refused by now; return how many copies.

    Two patients may turn out to be one, of whom one refused.
    """
    refused = Study.objects.filter(pk__in=refused_studies(study_keys)).order_by()
    asker, withdrawn = Asker(door="system", name="research"), 0
    for key in sorted(set(refused.values_list("patient_id", flat=True))):
        with transaction.atomic():
            patient = hold_patient(key)
            withdrawn += withdraw_copies(asker, patient) if has_refused(patient) else 0
    return withdrawn


def withdraw_copies(asker: Asker, patient: Patient) -> int:
    """Delete what was copied of a patient, as if an admin of each project had; return how many.

    The caller is inside a transaction and holds the patient: `hold_patient`. Copies are found by
    the pseudonyms that the patient has in each project, and wherever they were moved since by
    those of the studies. A legal hold does not keep a copy: it is of the original.

    Parameters
    ----------
    asker
        who said that the patient refused
    patient
        of the originals
    """
    patients = list(same_patients(patient))
    originals = Study.objects.filter(patient__in=patients).order_by()
    uids = list(originals.values_list("study_instance_uid", flat=True))
    withdrawn = 0
    for realm in find_realms(project_realm_name("")):
        project = int(realm.name.rpartition(":")[2])
        here = Study.objects.filter(projects=project).order_by().values("pk")
        found = Q(patient__dicom_patient_id__in=codes_of(realm, patients), pk__in=here)
        found |= Q(study_instance_uid__in=[realm.uid(uid) for uid in uids])
        rows = Study.objects.select_for_update(no_key=True, of=("self",)).filter(
            found, is_deidentified=True
        )
        for study in rows.exclude(withheld=DELETED).order_by("study_instance_uid"):
            withdrawn += _withdraw(asker, study)
    return withdrawn


def _withdraw(asker: Asker, study: Study) -> int:
    instances = Instance.objects.filter(series__study=study).exclude(withheld=DELETED)
    if not instances.exists():
        return 0
    user = asker.user
    removal = Removal(
        kind=Removal.Kind.DELETED,
        level=Removal.Level.STUDY,
        study_instance_uid=study.study_instance_uid,
        uid=study.study_instance_uid,
        reason=REASON,
        removed_by=user if user is not None and user.is_authenticated else None,
        purge_after=timezone.now() + timedelta(days=settings.TWINSIGHT_PURGE_AFTER_DAYS),
    )
    withhold_instances(study=study, instances=instances, removal=removal, asker=asker)
    return 1
