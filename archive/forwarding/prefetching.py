"""Earlier studies of a patient, fetched from peers before anybody asks for them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from archive.dicom.uids import is_valid_uid
from archive.models import Fetch, Patient, PrefetchRule, ScheduledStep, Study

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom.dataset import Dataset

# A rule asks for a patient once in this time, however many series arrive.
_ONCE_IN = timedelta(hours=12)
# What is older than this did not come from a modality today: an import is no examination.
_RECENT = timedelta(days=14)
_DAYS_A_YEAR = 365.25
KEYS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "StudyDate",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)


def note_arrived_studies(study_ids: Sequence[int]) -> int:
    """Queue a question for each rule that wants the priors of a study that arrives.

    Returns
    -------
    how many questions are new
    """
    rules = _rules()
    if not rules:
        return 0
    today = timezone.localdate()
    recent = Q(study_date__gte=today - _RECENT, study_date__lte=today + timedelta(days=1))
    studies = Study.objects.filter(recent, pk__in=study_ids, withheld="")
    return sum(
        _ask(rules, study.patient.dicom_patient_id, study.modalities_in_study)
        for study in studies.select_related("patient")
    )


def note_scheduled_steps(step_ids: Sequence[int]) -> int:
    """Do the same for patients who are expected."""
    rules = _rules()
    steps = ScheduledStep.objects.filter(pk__in=step_ids) if rules else ()
    return sum(_ask(rules, step.dicom_patient_id, [step.modality]) for step in steps)


def _rules() -> list[PrefetchRule]:
    rows = PrefetchRule.objects.filter(is_enabled=True, peer__is_enabled=True)
    return list(rows.order_by("pk"))


def _ask(rules: Iterable[PrefetchRule], patient_id: str, modalities: Sequence[str]) -> int:
    # A Patient ID with these in it would ask for other patients, too.
    if not patient_id or set(patient_id) & set("*?\\"):
        return 0
    now = timezone.now()
    wanted = [rule for rule in rules if not rule.modalities or {*rule.modalities} & {*modalities}]
    asked = Fetch.objects.filter(
        rule__in=wanted,
        dicom_patient_id=patient_id,
        study_instance_uid="",
        created_at__gt=now - _ONCE_IN,
    )
    known = set(asked.values_list("rule_id", flat=True))
    rows = [
        Fetch(peer_id=rule.peer_id, rule=rule, dicom_patient_id=patient_id, not_before=now)
        for rule in wanted
        if rule.pk not in known
    ]
    Fetch.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def queue_priors(fetch: Fetch, found: Iterable[Dataset]) -> int:
    """Queue what a peer has of a patient, as far as the rule wants it and it is not here.

    Parameters
    ----------
    fetch
        the question, with its rule
    found
        the peer's answer; a peer that ignores a key answers about others

    Returns
    -------
    how many studies are wanted
    """
    rule = fetch.rule
    if rule is None:
        return 0
    since = timezone.localdate() - timedelta(days=_DAYS_A_YEAR * rule.most_years)
    own = [answer for answer in found if _is_same_patient(answer, fetch.dicom_patient_id)]
    wanted = [answer for answer in own if _is_wanted(answer, rule, since)]
    wanted.sort(key=lambda answer: _date_of(answer) or date.min, reverse=True)
    missing = [uid for uid in _uids(wanted[: rule.most_studies]) if not _is_here(uid)]
    rows = [
        Fetch(
            peer_id=fetch.peer_id,
            rule=rule,
            dicom_patient_id=fetch.dicom_patient_id,
            study_instance_uid=uid,
            not_before=timezone.now(),
        )
        for uid in missing
    ]
    Fetch.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _is_same_patient(answer: Dataset, patient_id: str) -> bool:
    """Whether the ID is the same, and issuer and birth date, where both sides know them, too."""
    if _text(answer, "PatientID") != patient_id:
        return False
    patient = Patient.objects.filter(dicom_patient_id=patient_id, conflict_of=None).first()
    if patient is None:
        return True
    issuer = _text(answer, "IssuerOfPatientID")
    if issuer and patient.issuer_of_patient_id and issuer != patient.issuer_of_patient_id:
        return False
    born = _text(answer, "PatientBirthDate")
    known = patient.patient_birth_date
    return not (born and known and born != known.strftime("%Y%m%d"))


def _is_wanted(answer: Dataset, rule: PrefetchRule, since: date) -> bool:
    if rule.prior_modalities and not {*_values(answer, "ModalitiesInStudy")} & {
        *rule.prior_modalities
    }:
        return False
    day = _date_of(answer)
    return day is None or day >= since


def _is_here(study_instance_uid: str) -> bool:
    """Whether the archive has the study, or had it and somebody deleted it."""
    return Study.objects.filter(study_instance_uid=study_instance_uid).exists()


def _uids(answers: Iterable[Dataset]) -> list[str]:
    uids = [_text(answer, "StudyInstanceUID") for answer in answers]
    return [uid for uid in dict.fromkeys(uids) if is_valid_uid(uid)]


def _date_of(answer: Dataset) -> date | None:
    text = _text(answer, "StudyDate")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _text(answer: Dataset, keyword: str) -> str:
    return str(answer.get(keyword) or "").strip()


def _values(answer: Dataset, keyword: str) -> list[str]:
    value: Any = answer.get(keyword) or ()
    return [str(value)] if isinstance(value, str) else [str(one) for one in value]
