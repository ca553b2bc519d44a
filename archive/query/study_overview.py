"""One study as its page shows it: demographics, series, and what else the patient has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.access.once import once
from archive.access.study_roles import may_export, roles_in
from archive.dicom.writing import OWN_MANUFACTURER
from archive.errors import NotVisibleError
from archive.models import Project, Series, Study
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.prepared import Prepared
from archive.query.worklist import NON_PICTURE_MODALITIES, WorklistRow, picture_series, row_of

if TYPE_CHECKING:
    from datetime import date

    from archive.models.querysets import AnyUser

_PRIORS = 20
_NAMING = READING_ROLES | DEIDENTIFIED_ROLES
READABLE_MODALITIES = frozenset({"SR", "DOC", "KO"})


_STUDY = Prepared(
    lambda user, uid: (
        Study.objects.visible_to(user).select_related("patient").filter(study_instance_uid=uid)
    ),
    is_exact=True,
)
_SERIES = Prepared(lambda _, study: Series.objects.filter(study_id=study), is_exact=True)
_PROJECTS = Prepared(lambda _, study: Project.objects.filter(studies=study), is_exact=True)
_OTHERS = Prepared(
    lambda user, patient, study: (
        Study.objects.visible_to(user)
        .select_related("patient")
        .filter(patient_id=patient, withheld="")
        .exclude(pk=study)[:_PRIORS]
    )
)


@dataclass(frozen=True)
class SeriesCard:
    """One series as the study page shows it."""

    series_uid: str
    modality: str
    number: int | None
    description: str
    body_part: str
    laterality: str
    protocol_name: str
    device: str
    number_of_instances: int
    is_picture: bool
    # Reports and documents are read as text and pages.
    is_readable: bool = False
    # Segmentations and maps are shown on the images that they were drawn on.
    is_overlay: bool = False


@dataclass(frozen=True)
class StudyOverview:
    """A study, its series in order, and the patient's other studies, newest first."""

    study: WorklistRow
    issuer_of_patient_id: str
    referring_physician_name: str
    institution_name: str
    # Those that the asker reads in: of others not even the name is told.
    projects: tuple[str, ...]
    pictures: tuple[SeriesCard, ...]
    results: tuple[SeriesCard, ...]
    priors: tuple[WorklistRow, ...]
    updated_on: date
    # What the asker is in the study's projects.
    roles: frozenset[str] = frozenset()
    may_export: bool = False


@once
def study_overview(user: AnyUser, study_uid: str) -> StudyOverview:
    """Return everything of a study that its page shows.

    Parameters
    ----------
    user
        the asker
    study_uid
        Study Instance UID

    Returns
    -------
    the study with its series in order of their numbers, split in pictures and results

    Raises
    ------
    NotVisibleError
        The study is absent, or outside the user's rights.
    """
    study: Study | None = _STUDY.first(user, uid=study_uid)
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    rows = [series for series in _SERIES(None, study=study.pk) if not series.withheld]
    projects = _PROJECTS(None, study=study.pk)
    roles = roles_in(user, projects)
    cards = tuple(card_of(series) for series in rows)
    pictures = tuple(card for card in cards if card.is_picture)
    return StudyOverview(
        study=row_of(study, pictures[0].series_uid if pictures else ""),
        issuer_of_patient_id=study.patient.issuer_of_patient_id,
        referring_physician_name=study.referring_physician_name,
        institution_name=next((row.institution_name for row in rows if row.institution_name), ""),
        projects=tuple(one.name for one in projects if roles_in(user, [one]) & _NAMING),
        pictures=pictures,
        results=tuple(card for card in cards if not card.is_picture),
        priors=_priors(user, study),
        updated_on=study.updated_at.date(),
        roles=roles,
        may_export=may_export(roles, is_deidentified=study.is_deidentified),
    )


def _priors(user: AnyUser, study: Study) -> tuple[WorklistRow, ...]:
    others = _OTHERS(user, patient=study.patient_id, study=study.pk)
    first = picture_series([other.pk for other in others]) if others else {}
    return tuple(row_of(other, first.get(other.pk, "")) for other in others)


def card_of(series: Series) -> SeriesCard:
    """Return a series as pages show it.

    Parameters
    ----------
    series
        the row

    Returns
    -------
    the card
    """
    device = " ".join(
        part for part in (series.manufacturer, series.manufacturer_model_name) if part
    )
    return SeriesCard(
        series_uid=series.series_instance_uid,
        modality=series.modality,
        number=series.series_number,
        description=series.series_description,
        body_part=series.body_part_examined,
        laterality=series.laterality,
        protocol_name=series.protocol_name,
        device=device,
        number_of_instances=series.number_of_series_related_instances,
        is_picture=series.modality not in NON_PICTURE_MODALITIES and not _is_drawn(series),
        is_readable=series.modality in READABLE_MODALITIES,
        is_overlay=series.modality == "SEG" or _is_drawn(series),
    )


def _is_drawn(series: Series) -> bool:
    """Whether a model of ours drew it, such as a heat map (`archive.models.pictures`)."""
    return series.modality == "OT" and series.manufacturer == OWN_MANUFACTURER
