"""Images side by side: what each one is, where it comes from, what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.errors import NotVisibleError
from archive.models import Instance
from inference.models import Finding
from inference.similarity.selectors import labels_of
from inference.similarity.types import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from archive.models.querysets import AnyUser


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePath:
    """An image by the UIDs of its path, with what its series is called."""

    study_uid: str
    series_uid: str
    instance_uid: str
    modality: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCase:
    """The case of one image as it stands beside others.

    ``labels`` are written ``set:label`` and ``findings`` ``name:label``.
    """

    path: ImagePath
    patient_name: str
    patient_id: str
    patient_sex: str
    patient_age: str
    study_date: date | None
    study_description: str
    body_part: str
    laterality: str
    manufacturer: str
    protocol_name: str
    labels: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def image_paths(user: AnyUser, uids: Sequence[str]) -> list[ImagePath]:
    """Find images by their UIDs alone.

    Parameters
    ----------
    user : the asker
    uids : SOP Instance UIDs

    Returns
    -------
    One path an image that the user may see, in the order asked; others are left out.
    """
    found = _instances(user, uids)
    return [_path(found[uid]) for uid in dict.fromkeys(uids) if uid in found]


def compared_cases(user: AnyUser, uids: Sequence[str]) -> list[ComparedCase]:
    """Describe the cases of images so that they can be compared.

    Parameters
    ----------
    user : the asker
    uids : SOP Instance UIDs

    Returns
    -------
    One case an image, in the order asked.

    Raises
    ------
    NotVisibleError
        One of them is absent or outside the asker's rights.
    """
    found = _instances(user, uids)
    if set(found) != set(uids):
        raise NotVisibleError("There is no such image, or it is outside your projects.")
    ordered = [found[uid] for uid in dict.fromkeys(uids)]
    hits = [(one.series.study_id, one.series_id, one.pk) for one in ordered]
    labels = labels_of(Level.SERIES, hits)
    findings = _findings({one.series_id for one in ordered})
    return [
        _case(one, labels=names, findings=findings.get(one.series_id, ()))
        for one, names in zip(ordered, labels, strict=True)
    ]


def _instances(user: AnyUser, uids: Iterable[str]) -> dict[str, Instance]:
    visible = Instance.objects.visible_to(user).filter(sop_instance_uid__in=list(uids))
    rows = visible.select_related("series__study__patient")
    return {row.sop_instance_uid: row for row in rows}


def _path(instance: Instance) -> ImagePath:
    series = instance.series
    return ImagePath(
        study_uid=series.study.study_instance_uid,
        series_uid=series.series_instance_uid,
        instance_uid=instance.sop_instance_uid,
        modality=series.modality,
        description=series.series_description or series.study.study_description,
    )


def _case(
    instance: Instance, *, labels: tuple[str, ...], findings: tuple[str, ...]
) -> ComparedCase:
    series = instance.series
    study, patient = series.study, series.study.patient
    return ComparedCase(
        path=_path(instance),
        patient_name=patient.patient_name,
        patient_id=patient.dicom_patient_id,
        patient_sex=patient.patient_sex,
        patient_age=study.patient_age,
        study_date=study.study_date,
        study_description=study.study_description,
        body_part=series.body_part_examined,
        laterality=series.laterality,
        manufacturer=series.manufacturer,
        protocol_name=series.protocol_name,
        labels=labels,
        findings=findings,
    )


def _findings(series_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Return the classes that models gave each series, by the newest run of each model."""
    rows = (
        Finding.objects.standing()
        .filter(series_id__in=list(series_ids), kind=Finding.Kind.CLASSIFICATION)
        .order_by("series_id", "run_id", "pk")
    )
    newest: dict[int, dict[str, str]] = {}
    for series_id, name, label in rows.values_list("series_id", "name", "label"):
        newest.setdefault(series_id, {})[name] = f"{name}:{label}"
    return {key: tuple(named.values()) for key, named in newest.items()}
