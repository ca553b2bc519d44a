"""What is scheduled, inside the asker's rights."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext
from pydicom.dataset import Dataset

from archive.access.selectors import holds_role
from archive.dicom.charsets import answer_term, fold_text
from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.matching import compile_keys, select_keys
from archive.dicom.moments import date_span
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import ScheduledStep, Study
from archive.models.access import READING_ROLES, STORING_ROLES
from archive.models.querysets import readable_projects
from archive.scheduling.entries import STEP_SEQUENCE, entry_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

OPEN_STATES = (
    ScheduledStep.State.SCHEDULED,
    ScheduledStep.State.ARRIVED,
    ScheduledStep.State.STARTED,
)
# Keys whose single values the database compares: the rest is compared entry by entry.
_COLUMNS = {
    "00080050": "accession_number",
    "00100020": "dicom_patient_id",
    "0020000D": "study_instance_uid",
    "00401001": "requested_procedure_id",
}
_STEP_COLUMNS = {
    "00080060": "modality",
    "00400001": "scheduled_station_ae_title",
    "00400009": "scheduled_step_id",
    "00400020": "state",
}
_DATE, _CHARACTER_SET = "00400002", "00080005"
# What says how a query is written, not what is looked for.
_MODIFIERS = frozenset({_CHARACTER_SET, "00080201"})


def matching(user: AnyUser, keys: Dataset) -> Iterator[Dataset]:
    """Yield the modality worklist's entries that match, each with the keys asked for.

    Parameters
    ----------
    user
        whose rights apply
    keys
        the identifier of a C-FIND; what is done or given up is left out unless the keys name
        a Scheduled Procedure Step Status. Keys of attributes that entries don't have are not
        matched, and returned empty

    Raises
    ------
    InvalidRequestError
        A key's value can't be one of its attribute; raised before the first entry.

    References
    ----------
    DICOM PS3.4 sections K.4.1.1 and K.6.1.2
    """
    wanted = dataset_to_json(keys)
    matches = compile_keys(_supported_part(wanted))
    rows = visible_steps(user).filter(_narrowed(wanted))
    terms = _terms(keys)
    return (
        Dataset.from_json(_answer(entry, wanted, terms))
        for entry in map(entry_json, rows.iterator(chunk_size=500))
        if matches(entry)
    )


def unsupported_keys(keys: Dataset) -> list[str]:
    """Return the tags of keys that entries of the worklist have no attribute for.

    Parameters
    ----------
    keys
        the identifier of a C-FIND

    References
    ----------
    DICOM PS3.4 section K.4.1.1.4, status FF01
    """
    known, known_of_step = _attributes()
    steps = keys[STEP_SEQUENCE].value if STEP_SEQUENCE in keys else []
    named = [tag for tag in _tags(keys) if tag not in known]
    return named + [tag for item in steps[:1] for tag in _tags(item) if tag not in known_of_step]


def _tags(ds: Dataset) -> Iterator[str]:
    """Yield the tags of attributes; a group length, which old modalities still send, is none."""
    tags = (f"{tag:08X}" for tag in sorted(ds.keys()) if tag & 0xFFFF)
    return (tag for tag in tags if tag not in _MODIFIERS)


@cache
def _attributes() -> tuple[frozenset[str], frozenset[str]]:
    """Return the tags of an entry, and those of its step."""
    entry = entry_json(ScheduledStep())
    (step,) = entry[STEP_SEQUENCE]["Value"]
    return frozenset(entry), frozenset(step)


def _supported_part(wanted: dict[str, Any]) -> dict[str, Any]:
    """Leave out the keys that entries have no attribute for (PS3.4 C.2.2.1.2)."""
    known, known_of_step = _attributes()
    kept = {tag: one for tag, one in wanted.items() if tag in known}
    items = (kept.get(STEP_SEQUENCE) or {}).get("Value")
    if items:
        step = {tag: one for tag, one in items[0].items() if tag in known_of_step}
        kept[STEP_SEQUENCE] = {"vr": "SQ", "Value": [step]}
    return kept


def visible_steps(user: AnyUser) -> QuerySet[ScheduledStep]:
    """Return the steps of projects that the user reads."""
    return ScheduledStep.objects.filter(project__in=readable_projects(user, READING_ROLES))


def find_step(user: AnyUser, step_id: int) -> ScheduledStep:
    """Return a step; NotVisibleError outside the user's rights."""
    step = visible_steps(user).filter(pk=step_id).first()
    if step is None:
        raise NotVisibleError("There is no such scheduled step.")
    return step


def find_order(
    *, accession_number: str, scheduled_step_id: str, study_instance_uid: str
) -> ScheduledStep | None:
    """Return the step that an order speaks of, whoever may see it; None where it is new.

    Without a step's own ID the order's last step is meant that is not over.
    """
    rows = ScheduledStep.objects.all()
    if scheduled_step_id:
        rows = rows.filter(scheduled_step_id=scheduled_step_id)
    else:
        rows = rows.filter(state__in=OPEN_STATES)
    if study_instance_uid:
        rows = rows.filter(study_instance_uid=study_instance_uid)
    elif accession_number:
        rows = rows.filter(accession_number=accession_number)
    else:
        return None
    found: ScheduledStep | None = rows.order_by("-pk").first()
    return found


def list_steps(
    user: AnyUser,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    modality: str = "",
    state: str = "",
    patient: str = "",
    accession_number: str = "",
) -> QuerySet[ScheduledStep]:
    """Return the steps of some days, earliest first; ``patient`` is an ID or a name's beginning."""
    exact = {"modality": modality, "state": state, "accession_number": accession_number}
    rows = visible_steps(user).filter(**{name: text for name, text in exact.items() if text})
    if first_day is not None:
        rows = rows.filter(scheduled_date__gte=first_day)
    if last_day is not None:
        rows = rows.filter(scheduled_date__lte=last_day)
    if patient:
        rows = rows.filter(
            Q(dicom_patient_id=patient) | Q(patient_name_search__startswith=fold_text(patient))
        )
    return rows.select_related("project")


def _narrowed(wanted: dict[str, Any]) -> Q:
    """Return what columns can say of the keys: no more than the keys themselves say."""
    step_keys = ((wanted.get(STEP_SEQUENCE) or {}).get("Value") or [{}])[0]
    condition = Q()
    for keys, columns in ((wanted, _COLUMNS), (step_keys, _STEP_COLUMNS)):
        for tag, column in columns.items():
            values = [str(value) for value in (keys.get(tag) or {}).get("Value") or () if value]
            if values and not any(set(value) & set('*?"') for value in values):
                condition &= Q(**{f"{column}__in": values})
    if not (step_keys.get("00400020") or {}).get("Value"):
        condition &= Q(state__in=OPEN_STATES)
    return condition & _days(step_keys)


def _days(step_keys: dict[str, Any]) -> Q:
    values = (step_keys.get(_DATE) or {}).get("Value") or []
    if len(values) != 1 or set(str(values[0])) & set('*"'):
        return Q()
    first, is_range, last = str(values[0]).partition("-")
    condition = Q()
    try:
        if first:
            condition &= Q(scheduled_date__gte=_day(first))
        if last or not is_range:
            condition &= Q(scheduled_date__lte=_day(last if is_range else first))
    except ValueError as error:
        raise InvalidRequestError(
            gettext("%(values)s is no day or range of days.")
            % {"values": repr(str(values[0])[:32])}
        ) from error
    return condition


def _day(text: str) -> date:
    return datetime.strptime(date_span(text)[0], "%Y%m%d").date()  # noqa: DTZ007 a day has no zone


def _terms(keys: Dataset) -> list[str]:
    """Return the character set in which is asked: modalities often know one alone."""
    value = keys.get("SpecificCharacterSet") or ""
    return [value] if isinstance(value, str) else [str(term) for term in value][:1]


def _answer(entry: dict[str, Any], wanted: dict[str, Any], terms: list[str]) -> dict[str, Any]:
    answer = select_keys(entry, wanted)
    answer.pop(_CHARACTER_SET, None)
    if term := answer_term(json.dumps(answer, ensure_ascii=False), terms):
        answer[_CHARACTER_SET] = {"vr": "CS", "Value": [term]}
    return dict(sorted(answer.items()))


def modalities_of(user: AnyUser) -> list[str]:
    """Return the modalities that are scheduled anywhere, for a choice."""
    return sorted(set(visible_steps(user).order_by().values_list("modality", flat=True).distinct()))


def arrived_studies(user: AnyUser, steps: Sequence[ScheduledStep]) -> dict[int, str]:
    """Return the Study Instance UIDs of what arrived for the steps, inside the user's rights."""
    uids = [step.study_instance_uid for step in steps]
    orders = [step.accession_number for step in steps if step.accession_number]
    rows = Study.objects.visible_to(user).filter(
        Q(study_instance_uid__in=uids) | Q(accession_number__in=orders)
    )
    found = list(
        rows.values_list("study_instance_uid", "accession_number", "patient__dicom_patient_id")
    )
    by_uid = {uid for uid, _, _ in found}
    by_order = {(order, patient): uid for uid, order, patient in found if order}
    arrived: dict[int, str] = {}
    for step in steps:
        order = (step.accession_number, step.dicom_patient_id)
        if step.study_instance_uid in by_uid:
            arrived[step.pk] = step.study_instance_uid
        elif order in by_order:
            arrived[step.pk] = by_order[order]
    return arrived


def may_schedule_any(user: AnyUser) -> bool:
    """Whether the user may put examinations on the worklist in any project."""
    return holds_role(user, STORING_ROLES)
