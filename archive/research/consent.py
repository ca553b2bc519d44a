"""What a patient said about research: set by radiology admins, with a reason, on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext

from archive.access.consent import has_refused, same_patients
from archive.access.study_roles import roles_in_study
from archive.audit.research import record_research_decision
from archive.errors import InvalidRequestError, NotAllowedError, StateConflictError
from archive.models import Patient, ResearchDecision, Role, Study
from archive.research.withdrawing import hold_patient, withdraw_copies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MAX_REASON = 500


@dataclass(frozen=True)
class Decision:
    """What was said one day."""

    is_refused: bool
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Consent:
    """Whether the images of a study's patient may be used, and what was said of it so far."""

    is_refused: bool
    decisions: Sequence[Decision]


def may_decide(user: AnyUser, study_uid: str) -> bool:
    """Whether the user keeps what patients said: a radiology admin of the study's project."""
    return Role.RADIOLOGY_ADMIN in roles_in_study(user, study_uid)


def consent_of(user: AnyUser, study_uid: str) -> Consent:
    """Return what the study's patient said about research.

    Raises
    ------
    NotVisibleError
        There is no such study for the user.
    NotAllowedError
        The user may look, no more.
    """
    patient = _patient(user, study_uid)
    rows = ResearchDecision.objects.filter(patient__in=same_patients(patient))
    decisions = [
        Decision(
            is_refused=row.is_refused,
            reason=row.reason,
            by=row.decided_by.get_username() if row.decided_by else "",
            at=row.decided_at,
        )
        for row in rows.select_related("decided_by").order_by("-pk")
    ]
    return Consent(is_refused=has_refused(patient), decisions=decisions)


def decide_research(*, asker: Asker, study_uid: str, is_refused: bool, reason: str) -> int:
    """Write down that the patient of a study refused research, or permits it again.

    With a refusal, copies that were made are taken out of their projects at once. Given again,
    nothing comes back by itself.

    Parameters
    ----------
    asker
        a radiology admin of one of the study's projects
    study_uid
        Study Instance UID of any of the patient's studies
    is_refused
        what was said
    reason
        who said it, and how

    Returns
    -------
    how many copies were withdrawn

    Raises
    ------
    NotVisibleError, NotAllowedError
        The study is not the asker's to decide about.
    InvalidRequestError
        No reason is given.
    StateConflictError
        So it is already.
    """
    user: Any = asker.user
    words = checked_reason(reason)
    with transaction.atomic():
        found = _patient(user, study_uid)
        patient = hold_patient(found.pk)
        if has_refused(patient) == is_refused:
            raise StateConflictError(gettext("So it was said already."), code="decided-already")
        # Permitted means for all rows that are this patient; a refusal holds by any of them.
        rows = Patient.objects.filter(pk=patient.pk) if is_refused else same_patients(patient)
        rows.order_by().update(is_research_refused=is_refused)
        ResearchDecision.objects.create(
            patient=patient, is_refused=is_refused, reason=words, decided_by=user
        )
        withdrawn = withdraw_copies(asker, patient) if is_refused else 0
        record_research_decision(
            asker, study_instance_uid=study_uid, is_refused=is_refused, withdrawn=withdrawn
        )
    return withdrawn


def _patient(user: AnyUser, study_uid: str) -> Patient:
    if not may_decide(user, study_uid):
        raise NotAllowedError(
            gettext("Only a radiology admin keeps what patients said about research.")
        )
    study = Study.objects.select_related("patient").get(study_instance_uid=study_uid)
    patient: Patient = study.patient
    return patient


def checked_reason(text: str) -> str:
    """Return a reason on one line; raise InvalidRequestError where there is none."""
    words = "".join(one if one.isprintable() else " " for one in text)
    words = " ".join(words.split())
    if not words:
        raise InvalidRequestError(gettext("Say who decided, and how."), code="reason-missing")
    if len(words) > MAX_REASON:
        raise InvalidRequestError(
            gettext("A reason has at most %(most)s characters.") % {"most": MAX_REASON}
        )
    return words
