"""What looks like a mix-up, for the radiology admin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from archive.access.selectors import is_radiology_admin, require_radiology_admin
from archive.models import Series
from inference.models import Suspicion

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectedSide:
    """One of the series in question, with the image that is."""

    study_uid: str
    series_uid: str
    instance_uid: str
    frame: int
    patient_name: str
    patient_id: str
    study_date: Any
    modality: str
    body_part: str
    description: str
    scanner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspicionView:
    """A suspicion as a person reads it; ``other`` is the twin, where there is one."""

    pk: int
    kind: str
    state: str
    score: float
    side: SuspectedSide
    other: SuspectedSide | None
    evidence: dict[str, Any]
    note: str
    resolved_by: str
    resolved_at: datetime | None
    created_at: datetime


def suspicions_visible_to(user: AnyUser) -> QuerySet[Suspicion]:
    """Return suspicions all of whose series the user may see.

    Twins that have become one patient's since are suspicious no more, and what was deleted or
    rejected waits for nobody until that is undone.

    Parameters
    ----------
    user : the asker

    Returns
    -------
    Newest first, with series, studies and patients loaded.
    """
    visible = Series.objects.visible_to(user).filter(withheld=Series.Withheld.NOT).values("pk")
    is_one_patient = Q(series__study__patient=F("other_series__study__patient"))
    return (
        Suspicion.objects.filter(series__in=visible)
        .filter(Q(other_series__isnull=True) | Q(other_series__in=visible))
        .exclude(Q(other_series__isnull=False) & is_one_patient)
        .select_related("series__study__patient", "other_series__study__patient", "resolved_by")
    )


def list_suspicions(user: AnyUser, *, state: str = Suspicion.State.OPEN) -> list[SuspicionView]:
    """Return what a radiology admin should look at, or has settled.

    Parameters
    ----------
    user : a radiology admin; only what is wholly inside their rights is given
    state : of `Suspicion.State`

    Returns
    -------
    At most `LIMIT`, newest first.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin.
    """
    require_radiology_admin(user)
    rows = suspicions_visible_to(user).filter(state=state).order_by("-pk")[:LIMIT]
    return [_view(row) for row in rows]


def open_suspicion_count(user: AnyUser) -> int:
    """Count what waits for a radiology admin.

    Parameters
    ----------
    user : for anyone but a radiology admin nothing waits

    Returns
    -------
    Number of open suspicions inside their rights.
    """
    if not is_radiology_admin(user):
        return 0
    return suspicions_visible_to(user).filter(state=Suspicion.State.OPEN).count()


def _view(row: Suspicion) -> SuspicionView:
    return SuspicionView(
        pk=row.pk,
        kind=row.kind,
        state=row.state,
        score=row.score,
        side=_side(row.series, row.evidence.get("series") or {}),
        other=_side(row.other_series, row.evidence.get("other") or {})
        if row.other_series is not None
        else None,
        evidence=row.evidence,
        note=row.note,
        resolved_by=row.resolved_by.get_username() if row.resolved_by else "",
        resolved_at=row.resolved_at,
        created_at=row.created_at,
    )


def _side(series: Series, named: dict[str, Any]) -> SuspectedSide:
    study = series.study
    return SuspectedSide(
        study_uid=study.study_instance_uid,
        series_uid=series.series_instance_uid,
        instance_uid=str(named.get("instance") or ""),
        frame=int(named.get("frame") or 1),
        patient_name=study.patient.patient_name,
        patient_id=study.patient.dicom_patient_id,
        study_date=study.study_date,
        modality=series.modality,
        body_part=series.body_part_examined,
        description=series.series_description or study.study_description,
        scanner=" ".join(filter(None, (series.manufacturer, series.manufacturer_model_name))),
    )
