"""A report that a person verified, as the successor of the one that a model wrote."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.valuerep import DSfloat

from inference.errors import ResultEncodingError
from inference.results.codes import (
    BODY_PART,
    CERTAINTY,
    COMMENT,
    MODALITY,
    body_part_code,
    local_code,
    modality_code,
)
from inference.results.sources import date_and_time
from inference.results.types import CodeTriple
from inference.results.uids import result_uid

_MEASUREMENT_GROUP, _TRACKING_UID = "125007", "112040"
# Finding, its category and its site say what a group is about; an answer stands beside them.
_FINDING = "121071"
_DERIVATION = "121401"
_NO_ANSWERS = frozenset({_FINDING, "276214006", "363698007"})


@dataclass(frozen=True)
class Change:
    """What a person has otherwise than the model, about one statement of a report.

    Attributes
    ----------
    tracking_uid : of the statement's measurement group, as `Finding.tracking_uid` has it
    name : meaning of the measurement that is changed, such as ``Volume`` or, derived, ``Mean
        Attenuation Coefficient``; the only one if empty
    label : the right answer in words, for a classification or a detection
    code : of the right answer, where the model has one
    value : the right number, in the unit that the report has
    mm : the right place, patient coordinates of the points in LPS, one after another
    is_removed : the statement is wrong and goes; of a named measurement that one alone
    """

    tracking_uid: str
    name: str = ""
    label: str = ""
    value: float | None = None
    mm: tuple[float, ...] = ()
    is_removed: bool = False
    code: CodeTriple | None = None


def verified_successor(
    sr: Dataset,
    observer_name: str,
    organization: str,
    when: datetime,
    changes: Sequence[Change] = (),
    *,
    series_instance_uid: str = "",
) -> Dataset:
    """Write the report that follows on one which a person has read and accepts, perhaps changed.

    Parameters
    ----------
    sr : the report of the model, or an earlier successor of it
    observer_name : of the person, as DICOM writes names: ``Family^Given``
    organization : for which they verify
    when : when they did, with its time zone
    changes : what they have otherwise; a changed statement says so and loses the model's certainty
    series_instance_uid : of another series to put it in; the report's own series if empty

    Returns
    -------
    a new report, *Verification Flag* VERIFIED, with the person in the *Verifying Observer Sequence*
    and the former one in the *Predecessor Documents Sequence*; the same arguments give the same one

    Raises
    ------
    ResultEncodingError
        A change is about a statement that the report doesn't have, or every statement was removed.

    References
    ----------
    DICOM PS3.3 C.17.2, C.17.2.1
    """
    if not observer_name.strip() or not organization.strip():
        raise ResultEncodingError("A verified report names the person and their organization.")
    successor = deepcopy(sr)
    groups = _groups(successor)
    for change in changes:
        _apply(change, groups, observer_name)
    if changes and not _groups(successor):
        raise ResultEncodingError("Nothing is left of the report: reject it instead.")
    _identify(successor, sr, observer_name, when, series_instance_uid)
    successor.PredecessorDocumentsSequence = [_reference(sr)]
    successor.VerificationFlag = "VERIFIED"
    successor.PreliminaryFlag = "FINAL"
    observer = Dataset()
    observer.VerifyingOrganization = organization.strip()[:64]
    observer.VerificationDateTime = "".join(date_and_time(when, sr))
    observer.VerifyingObserverName = observer_name.strip()[:64]
    observer.VerifyingObserverIdentificationCodeSequence = []
    successor.VerifyingObserverSequence = [observer]
    return successor


def _identify(
    successor: Dataset, sr: Dataset, observer: str, when: datetime, series_uid: str
) -> None:
    """Give the new document an identity that follows from the old one, the person and the time."""
    successor.SOPInstanceUID = result_uid(
        str(sr.SOPInstanceUID), "verified", observer, when.isoformat()
    )
    if getattr(successor, "file_meta", None) is not None:
        successor.file_meta.MediaStorageSOPInstanceUID = successor.SOPInstanceUID
    if series_uid:
        successor.SeriesInstanceUID = series_uid
    successor.InstanceNumber = int(sr.get("InstanceNumber") or 1) + 1
    for stem in ("InstanceCreation", "Content"):
        date, time = date_and_time(when, sr)
        setattr(successor, f"{stem}Date", date)
        setattr(successor, f"{stem}Time", time)


def _reference(sr: Dataset) -> Dataset:
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = sr.SOPClassUID
    instance.ReferencedSOPInstanceUID = sr.SOPInstanceUID
    series.SeriesInstanceUID = sr.SeriesInstanceUID
    series.ReferencedSOPSequence = [instance]
    study.StudyInstanceUID = sr.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study


def _groups(item: Dataset) -> dict[str, tuple[Dataset, Dataset]]:
    """Return each measurement group under its tracking UID, with the container that holds it."""
    found: dict[str, tuple[Dataset, Dataset]] = {}
    for child in item.get("ContentSequence") or ():
        if _concept(child) == _MEASUREMENT_GROUP:
            for part in child.get("ContentSequence") or ():
                if _concept(part) == _TRACKING_UID:
                    found[str(part.UID)] = (child, item)
        else:
            found.update(_groups(child))
    return found


def _concept(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""


def _apply(change: Change, groups: dict[str, tuple[Dataset, Dataset]], observer: str) -> None:
    if change.tracking_uid not in groups:
        raise ResultEncodingError("The report has no statement of that tracking UID.")
    group, parent = groups[change.tracking_uid]
    if change.is_removed:
        if change.name:
            _remove_number(group, change.name)
        if not change.name or not _numbers_named(group, ""):
            parent.ContentSequence = [item for item in parent.ContentSequence if item is not group]
        return
    remarks = []
    if change.value is not None:
        remarks.append(_set_number(group, change.name, change.value))
    if change.label:
        remarks.append(_set_answer(group, change))
    if change.mm:
        remarks.append(_set_place(group, change.mm))
    comments = [_comment(f"Changed by {observer}: {remark}") for remark in remarks]
    group.ContentSequence = [*group.ContentSequence, *comments]


def _numbers_named(group: Dataset, name: str) -> list[Dataset]:
    """Return a statement's measurements of a name; all but its certainty if empty."""
    numbers = [item for item in group.ContentSequence if item.get("ValueType") == "NUM"]
    if not name:
        return [item for item in numbers if _concept(item) != CERTAINTY[0]]
    return [item for item in numbers if name in _names_of(item)]


def _names_of(number: Dataset) -> set[str]:
    """Return what people call a measurement: with its derivation, where it has one."""
    meaning = str(number.ConceptNameCodeSequence[0].CodeMeaning)
    derived = [
        str(child.ConceptCodeSequence[0].CodeMeaning)
        for child in number.get("ContentSequence") or ()
        if _concept(child) == _DERIVATION
    ]
    return {f"{one} {meaning}"[:64] for one in derived} or {meaning[:64]}


def _remove_number(group: Dataset, name: str) -> None:
    gone = _numbers_named(group, name)
    if not gone:
        raise ResultEncodingError("The report has no measurement of that name.")
    group.ContentSequence = [
        item for item in group.ContentSequence if not any(item is one for one in gone)
    ]


def _set_number(group: Dataset, name: str, value: float) -> str:
    numbers = _numbers_named(group, name)
    if len(numbers) != 1:
        raise ResultEncodingError("The report has no single measurement of that name.")
    measured = numbers[0].MeasuredValueSequence[0]
    unit = measured.MeasurementUnitsCodeSequence[0].CodeValue
    remark = f"the model measured {measured.NumericValue} {unit}"
    measured.NumericValue = DSfloat(value, auto_format=True)
    if "FloatingPointValue" in measured:
        measured.FloatingPointValue = value
    return remark


def _set_answer(group: Dataset, change: Change) -> str:
    answers = [
        item
        for item in group.ContentSequence
        if item.get("ValueType") == "CODE"
        and item.get("RelationshipType") == "CONTAINS"
        and _concept(item) not in _NO_ANSWERS
    ]
    # A detection or a segment has no answer beside what it is: its finding.
    answers = answers or [item for item in group.ContentSequence if _concept(item) == _FINDING]
    if len(answers) > 1 and change.name:
        named = change.name
        answers = [a for a in answers if a.ConceptNameCodeSequence[0].CodeMeaning == named]
    if len(answers) != 1:
        raise ResultEncodingError("The report has no single answer of that name.")
    answer = answers[0]
    remark = f"the model said {answer.ConceptCodeSequence[0].CodeMeaning}"
    answer.ConceptCodeSequence = [_code_item(_code_of_answer(_concept(answer), change))]
    group.ContentSequence = [
        item for item in group.ContentSequence if _concept(item) != CERTAINTY[0]
    ]
    return remark


def _code_of_answer(concept: str, change: Change) -> CodeTriple:
    if concept == MODALITY[0]:
        return modality_code(change.label)
    if concept == BODY_PART[0]:
        return body_part_code(change.label)
    return change.code or local_code(change.label)


def _set_place(group: Dataset, mm: tuple[float, ...]) -> str:
    for item in group.ContentSequence:
        if item.get("ValueType") == "SCOORD3D":
            if len(mm) != len(item.GraphicData):
                raise ResultEncodingError("The place has another number of points.")
            item.GraphicData = list(mm)
            return "the model placed it elsewhere"
    raise ResultEncodingError("The statement has no place in the patient.")


def _comment(text: str) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = [_code_item(COMMENT)]
    item.TextValue = text[:1024]
    return item


def _code_item(triple: CodeTriple) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = triple
    return item
