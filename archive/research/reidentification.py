"""For whom a pseudonym stands: told to whoever cares for the patient, with a reason, on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from archive.access.study_roles import roles_in
from archive.audit.research import record_reidentified, record_reidentify_refused
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import (
    Patient,
    Project,
    Pseudonym,
    PseudonymRealm,
    Reidentification,
    Role,
    Study,
)
from archive.models.querysets import readable_projects
from archive.research.consent import checked_reason
from archive.research.pseudonyms import find_identity, project_realm_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

_ADMIN = frozenset({str(Role.RADIOLOGY_ADMIN)})
_MAX_CODE = 64


@dataclass(frozen=True)
class Reidentified:
    """The patient, and which of their studies the asker sees; the one that was asked for first."""

    patient_name: str
    dicom_patient_id: str
    issuer_of_patient_id: str
    studies: Sequence[Study]


def realm_names(user: AnyUser) -> dict[str, str]:
    """Return where pseudonyms are that the user may ask about, with words for each.

    Those of projects that they administer; those of files, collections and buckets are asked
    for where the patient's own studies are.
    """
    mine = readable_projects(user, _ADMIN).filter(is_deidentified=True).order_by("name")
    named = {project_realm_name(one.pk): one.name for one in mine}
    held = set(Pseudonym.objects.order_by().values_list("realm__name", flat=True).distinct())
    others = {name: name.replace(":", " ") for name in sorted(held) if not _is_project(name)}
    return {name: words for name, words in {**named, **others}.items() if name in held}


def reidentify(*, asker: Asker, realm: str, code: str, reason: str) -> Reidentified:
    """Tell for whom a pseudonym stands; the record is written first, and of a refusal, too.

    Parameters
    ----------
    asker
        a radiology admin of the project of the pseudonym, and of one of the patient's studies
    realm
        of `realm_names`
    code
        the name that the patient has there, or the UID of one of the copies
    reason
        why it has to be known

    Raises
    ------
    InvalidRequestError
        No reason is given.
    NotAllowedError
        It is not for the asker.
    NotVisibleError
        Nobody has this pseudonym, or the patient is not the asker's: the same answer.
    """
    words = checked_reason(reason)
    user: Any = asker.user
    if realm not in realm_names(user):
        raise NotAllowedError("You may not ask for whom pseudonyms stand there.")
    wanted = code.strip()
    if not wanted or len(wanted) > _MAX_CODE or "\0" in wanted:
        raise InvalidRequestError("Name the pseudonym.", code="code-missing")
    identity = find_identity(realm, wanted)
    patient = _patient(identity.patient_key) if identity else None
    studies = _own_studies(user, patient) if patient else []
    with transaction.atomic():
        asked = Reidentification.objects.create(
            realm=PseudonymRealm.objects.get(name=realm),
            reason=words,
            is_answered=bool(studies),
            asked_by=user,
        )
        if not studies:
            record_reidentify_refused(asker, realm=realm, asked=asked.pk)
        else:
            first = identity.study_uid if identity else ""
            studies.sort(key=lambda one: one.study_instance_uid != first)
            uid = studies[0].study_instance_uid
            record_reidentified(asker, study_instance_uid=uid, realm=realm, asked=asked.pk)
    if patient is None or not studies:
        raise NotVisibleError("Nobody has this pseudonym, or the patient is not yours.")
    return Reidentified(
        patient_name=patient.patient_name,
        dicom_patient_id=patient.dicom_patient_id,
        issuer_of_patient_id=patient.issuer_of_patient_id,
        studies=studies,
    )


def recent_questions(user: AnyUser, *, most: int = 20) -> list[Reidentification]:
    """Return who asked for whom pseudonyms stand, newest first: in the user's own projects.

    Of files and buckets, which are of no project, only the user's own questions: a reason may
    tell of a patient.
    """
    names = realm_names(user)
    mine = Q(realm__name__in=[one for one in names if _is_project(one)])
    own = Q(realm__name__in=names, asked_by_id=user.pk)
    rows = Reidentification.objects.filter(mine | own)
    return list(rows.select_related("realm", "asked_by").order_by("-pk")[:most])


def _is_project(realm: str) -> bool:
    return realm.startswith(project_realm_name(""))


def _patient(key: int) -> Patient | None:
    """Return the patient, or the one they were merged into since, perhaps more than once."""
    found = Patient.objects.filter(pk=key).first()
    while found is not None and found.merged_into is not None:
        found = found.merged_into
    return found


def _own_studies(user: AnyUser, patient: Patient) -> list[Study]:
    rows = Study.objects.visible_to(user).filter(patient=patient, is_deidentified=False)
    return [
        study
        for study in rows.prefetch_related("projects")
        if Role.RADIOLOGY_ADMIN in roles_in(user, _projects(study))
    ]


def _projects(study: Study) -> list[Project]:
    return list(study.projects.all())
