"""One study as its page shows it: demographics, series, and what else the patient has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.errors import NotVisibleError
from archive.models import Series, Study
from archive.query.worklist import NON_PICTURE_MODALITIES, WorklistRow, row_of

if TYPE_CHECKING:
    from datetime import date

    from archive.models.querysets import AnyUser

_PRIORS = 20


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


@dataclass(frozen=True)
class StudyOverview:
    """A study, its series in order, and the patient's other studies, newest first."""

    study: WorklistRow
    issuer_of_patient_id: str
    referring_physician_name: str
    institution_name: str
    projects: tuple[str, ...]
    pictures: tuple[SeriesCard, ...]
    results: tuple[SeriesCard, ...]
    priors: tuple[WorklistRow, ...]
    updated_on: date


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
    study = (
        Study.objects.visible_to(user)
        .select_related("patient")
        .prefetch_related("series", "projects")
        .filter(study_instance_uid=study_uid)
        .first()
    )
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    rows = [series for series in study.series.all() if not series.withheld]
    cards = tuple(card_of(series) for series in rows)
    pictures = tuple(card for card in cards if card.is_picture)
    return StudyOverview(
        study=row_of(study, pictures[0].series_uid if pictures else ""),
        issuer_of_patient_id=study.patient.issuer_of_patient_id,
        referring_physician_name=study.referring_physician_name,
        institution_name=next((row.institution_name for row in rows if row.institution_name), ""),
        projects=tuple(project.name for project in study.projects.all()),
        pictures=pictures,
        results=tuple(card for card in cards if not card.is_picture),
        priors=_priors(user, study),
        updated_on=study.updated_at.date(),
    )


def _priors(user: AnyUser, study: Study) -> tuple[WorklistRow, ...]:
    others = (
        Study.objects.visible_to(user)
        .select_related("patient")
        .filter(patient_id=study.patient_id)
        .exclude(pk=study.pk)[:_PRIORS]
    )
    return tuple(row_of(other) for other in others)


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
        is_picture=series.modality not in NON_PICTURE_MODALITIES,
    )
