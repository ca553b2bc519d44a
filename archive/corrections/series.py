"""Series: what is said of them, and in which study they are."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db.models import Sum
from django.utils.translation import gettext

from archive.corrections.fields import (
    PATIENT,
    SERIES,
    STUDY,
    attributes_of,
    checked_values,
    columns_of,
    row_values,
)
from archive.corrections.finding import (
    checked_reason,
    locked_series,
    locked_studies,
    locked_study,
)
from archive.corrections.recording import announce, record_correction, remember_in_series
from archive.corrections.transactions import in_one_transaction
from archive.curation.states import judged_states, refresh_states
from archive.dicom.corrections import STUDY_UID, json_element
from archive.errors import InvalidRequestError, StateConflictError
from archive.ingest.following import correction_entry, identity_of
from archive.models import CollectionItem, Correction, Instance, Patient, Series, Study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.audit.types import Asker


@in_one_transaction
def edit_series(
    *, asker: Asker, study_uid: str, series_uid: str, values: Mapping[str, str], reason: str
) -> Correction:
    """Correct what is said of a series; parameters and errors as of `edit_study`."""
    checked_reason(reason)
    study = locked_study(asker, study_uid)
    (series,) = locked_series(study, [series_uid])
    known = row_values(SERIES, series)
    checked = checked_values(SERIES, values)
    changed = {keyword: value for keyword, value in checked.items() if value != known[keyword]}
    if not changed:
        raise InvalidRequestError(gettext("Nothing is changed."), code="nothing-changed")
    write_series(study, series, changed)
    correction = record_correction(
        asker,
        Correction.Kind.SERIES_EDIT,
        reason,
        about=study,
        subject={"series": [series.pk], "series_uid": series_uid},
        before={"values": {keyword: known[keyword] for keyword in changed}},
        after={"attributes": attributes_of(SERIES, changed), "values": changed},
    )
    remember_in_series(correction, [series], {})
    announce([study.pk])
    return correction


@in_one_transaction
def move_series(
    *, asker: Asker, study_uid: str, series_uids: Sequence[str], target_uid: str, reason: str
) -> Correction:
    """Say that series belong to another study; they are served as of that one.

    Parameters
    ----------
    asker
        a radiology admin of all projects of both studies
    study_uid, series_uids
        where they are
    target_uid
        Study Instance UID of the study that they belong to
    reason
        in a person's words

    Raises
    ------
    NotVisibleError, NotAllowedError
        A study or series is not there for them, or not theirs to correct.
    InvalidRequestError
        The studies are the same, or no reason is given.
    StateConflictError
        Something of the series was deleted: that is undone first.
    """
    checked_reason(reason)
    if study_uid == target_uid:
        raise InvalidRequestError(gettext("The series are in this study."), code="same-study")
    studies = locked_studies(asker, [study_uid, target_uid])
    source, target = studies[study_uid], studies[target_uid]
    rows = locked_series(source, series_uids)
    return _moved(asker, Correction.Kind.SERIES_MOVE, reason, source, target, rows)


@in_one_transaction
def split_study(
    *, asker: Asker, study_uid: str, series_uids: Sequence[str], reason: str
) -> Correction:
    """Give series a study of their own, with a new Study Instance UID.

    It has the patient, the projects and all that was said of the first one. Parameters and errors
    as of `move_series`; some series must stay.
    """
    checked_reason(reason)
    source = locked_study(asker, study_uid)
    rows = locked_series(source, series_uids)
    if not Series.objects.filter(study=source).exclude(pk__in=[row.pk for row in rows]).exists():
        raise InvalidRequestError(
            gettext("One series must stay in the study."), code="nothing-stays"
        )
    target = _copy_of(source)
    target.save()
    target.projects.set(source.projects.all())
    return _moved(asker, Correction.Kind.STUDY_SPLIT, reason, source, target, rows)


def _copy_of(source: Study) -> Study:
    columns = columns_of(STUDY, row_values(STUDY, source))
    kept = ("patient", "is_deidentified", "patient_age", "timezone_offset_from_utc")
    values: dict[str, Any] = {name: getattr(source, name) for name in kept}
    return Study(
        study_instance_uid=f"2.25.{uuid.uuid4().int}",
        specific_character_set=source.specific_character_set,
        **values,
        **columns,
    )


def _moved(
    asker: Asker,
    kind: str,
    reason: str,
    source: Study,
    target: Study,
    rows: Sequence[Series],
) -> Correction:
    require_nothing_removed(rows)
    attributes = path_attributes(target)
    correction = record_correction(
        asker,
        kind,
        reason,
        about=source,
        subject={
            "studies": [source.pk, target.pk],
            "series": [row.pk for row in rows],
            "patients": sorted({source.patient_id, target.patient_id}),
        },
        before={
            "study": source.pk,
            "values": {"StudyInstanceUID": source.study_instance_uid},
            "is_deidentified": target.is_deidentified,
        },
        after={
            "attributes": attributes,
            "values": {"StudyInstanceUID": target.study_instance_uid},
            "study": target.pk,
        },
    )
    was = {"study_instance_uid": source.study_instance_uid, **identity_of(source.patient)}
    target.is_deidentified = target.is_deidentified and source.is_deidentified
    target.save(update_fields=["is_deidentified", "updated_at"])
    take_to(rows, source, target)
    remember_in_series(correction, rows, was)
    if not Series.objects.filter(study=source).exists():
        _leave_sign(correction, source, target, was)
    announce([source.pk, target.pk], [row.pk for row in rows])
    return correction


def take_to(rows: Sequence[Series], source: Study, target: Study) -> None:
    """Change the study of locked series, and bring counts and states of both up to date."""
    keys = [row.pk for row in rows]
    judged = judged_states(source) | judged_states(target)
    Series.objects.filter(pk__in=keys).update(study=target)
    for row in rows:
        row.study = target
    CollectionItem.objects.filter(series__in=keys).update(study=target)
    for study in (source, target):
        refresh_states(study, judged)
        held = Instance.objects.filter(series__study=study)
        size = held.aggregate(total=Sum("blob__size_bytes"))["total"]
        Study.objects.filter(pk=study.pk).update(stored_bytes=size or 0)
        study.refresh_from_db()


def require_nothing_removed(rows: Sequence[Series]) -> None:
    """Refuse where something of the series was deleted or rejected, and that may be undone."""
    if Instance.objects.filter(series__in=rows, removal__isnull=False).exists():
        message = "Something of the series was deleted or rejected: undo that first."
        raise StateConflictError(message, code="series-has-removals")


def write_series(study: Study, series: Series, values: Mapping[str, str]) -> None:
    """Write checked values into the columns of a locked series, and into its study's lists."""
    columns = columns_of(SERIES, values)
    for name, value in columns.items():
        setattr(series, name, value)
    series.save(update_fields=[*columns, "updated_at"])
    if "body_part_examined" in columns:
        refresh_states(study, judged_states(study))


def path_attributes(target: Study) -> dict[str, Any]:
    """Return all that a series' objects say of their study and its patient."""
    patient: Patient = target.patient
    return {
        STUDY_UID: json_element("UI", target.study_instance_uid),
        **attributes_of(STUDY, row_values(STUDY, target)),
        **attributes_of(PATIENT, row_values(PATIENT, patient)),
    }


def _leave_sign(
    correction: Correction, source: Study, target: Study, was: Mapping[str, Any]
) -> None:
    """Say where all that was in a study is; what still arrives for it goes there, too."""
    entry = correction_entry(correction, was)
    source.corrected = [
        *source.corrected,
        {
            **entry,
            "attributes": {},
            "of_series": entry["attributes"],
            "moved_to": target.study_instance_uid,
        },
    ]
    source.withheld = Study.Withheld.DELETED
    source.save(update_fields=["corrected", "withheld", "updated_at"])
