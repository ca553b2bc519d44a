"""Who stands for whom: realms with secrets of their own, and a table that is sealed."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.errors import NotAcceptableError
from archive.models import Patient, Pseudonym, PseudonymRealm, Study
from archive.research.sealing import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Realm:
    """Within what pseudonyms are the same, and what makes them.

    One without a key is kept nowhere: for whom its pseudonyms stand can't be asked.
    """

    pk: int | None
    name: str
    pseudonyms: Pseudonyms

    def code(self, patient_key: int) -> str:
        """Return the pseudonym of a patient."""
        return self.pseudonyms.code(subject_of(patient_key))

    def uid(self, original: str) -> str:
        """Return the UID that stands for another."""
        return self.pseudonyms.uid(original)


@dataclass(frozen=True)
class Identity:
    """For whom or what a pseudonym stands: keys of the archive, and the IDs of that day."""

    patient_key: int
    dicom_patient_id: str
    issuer_of_patient_id: str
    study_uid: str = ""


def subject_of(patient_key: int) -> str:
    """Return what tells a patient from others; it goes into pseudonyms alone."""
    return f"patient:{patient_key}"


def project_realm_name(project_key: int | str) -> str:
    """Return the name of a project's realm; without a key, what the names of all begin with."""
    return f"project:{project_key}"


def open_realm(name: str) -> Realm:
    """Return the realm of that name, made where missing, with its secret.

    Raises
    ------
    SealError
        Its secret was sealed under a key that is gone.
    """
    row = PseudonymRealm.objects.filter(name=name).first()
    if row is None:
        sealed = seal(secrets.token_hex(_SECRET_BYTES))
        PseudonymRealm.objects.bulk_create(
            [PseudonymRealm(name=name, sealed_secret=sealed)], ignore_conflicts=True
        )
        row = PseudonymRealm.objects.get(name=name)
    secret = bytes.fromhex(unseal(row.sealed_secret))
    return Realm(pk=row.pk, name=name, pseudonyms=Pseudonyms(secret))


def derived_realm(name: str) -> Realm:
    """Return a realm whose secret follows from the site's own, and is kept nowhere.

    For what leaves for anybody: done again it gives the same pseudonyms, and no table says for
    whom they stand.
    """
    secret = derive_secret(settings.SECRET_KEY, name)
    return Realm(pk=None, name=name, pseudonyms=Pseudonyms(secret))


def patient_realm(study: Study) -> Realm:
    """Return the realm of what leaves of one patient for anybody, a study at a time."""
    return derived_realm(f"download:{subject_of(study.patient_id)}")


def find_realms(prefix: str) -> list[Realm]:
    """Return the realms whose names begin so."""
    names = PseudonymRealm.objects.filter(name__startswith=prefix).values_list("name", flat=True)
    return [open_realm(name) for name in names]


def note_study(realm: Realm, study: Study) -> str:
    """Write down for whom a patient's and a study's pseudonyms stand; return the patient's.

    Twice is as good as once; of a realm that is kept nowhere nothing is written down.

    Raises
    ------
    NotAcceptableError
        By chance another patient has this pseudonym: two would be taken for one.
    """
    patient = study.patient
    if realm.pk is None:
        return realm.code(patient.pk)
    said = {
        "patient": patient.pk,
        "id": patient.dicom_patient_id,
        "issuer": patient.issuer_of_patient_id,
    }
    code = realm.code(patient.pk)
    wanted = {
        (Pseudonym.Kind.PATIENT, code): said,
        (Pseudonym.Kind.STUDY, realm.uid(study.study_instance_uid)): {
            **said,
            "study": study.study_instance_uid,
        },
    }
    rows = Pseudonym.objects.filter(realm_id=realm.pk, code__in=[one for _, one in wanted])
    known = {
        (kind, one): sealed for kind, one, sealed in rows.values_list("kind", "code", "sealed")
    }
    taken = known.get((Pseudonym.Kind.PATIENT.value, code))
    if taken is not None and json.loads(unseal(taken))["patient"] != patient.pk:
        message = "Another patient has the same pseudonym there: choose another project."
        raise NotAcceptableError(message, code="pseudonym-taken")
    Pseudonym.objects.bulk_create(
        [
            Pseudonym(realm_id=realm.pk, kind=kind, code=one, sealed=seal(json.dumps(value)))
            for (kind, one), value in wanted.items()
            if (kind, one) not in known
        ],
        ignore_conflicts=True,
    )
    return code


def find_identity(realm_name: str, code: str) -> Identity | None:
    """Return for whom or what a pseudonym of the realm stands; None where nobody has it.

    Raises
    ------
    SealError
        It was sealed under a key that is gone.
    """
    rows = Pseudonym.objects.filter(realm__name=realm_name)
    row = rows.filter(code=code).first() or rows.filter(code=code.upper()).first()
    if row is None:
        return None
    said = json.loads(unseal(row.sealed))
    return Identity(
        patient_key=int(said["patient"]),
        dicom_patient_id=said["id"],
        issuer_of_patient_id=said["issuer"],
        study_uid=said.get("study", ""),
    )


def codes_of(realm: Realm, patients: Iterable[Patient]) -> list[str]:
    """Return the pseudonyms that patients have, or would have, in a realm."""
    return [realm.code(patient.pk) for patient in patients]
