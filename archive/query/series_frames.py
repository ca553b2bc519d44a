"""A series as a stack of pictures for the viewer: its instances in order, and their frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.geometry import reading_order
from archive.errors import NotVisibleError
from archive.models import Instance, Series
from archive.models.prepared import Prepared
from archive.query.study_overview import SeriesCard, card_of
from archive.query.worklist import WorklistRow, row_of

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser


_SERIES = Prepared(
    lambda user, series_uid, study_uid: (
        Series.objects.visible_to(user)
        .select_related("study__patient")
        .filter(series_instance_uid=series_uid, study__study_instance_uid=study_uid)
    ),
    is_exact=True,
)
_SIBLINGS = Prepared(
    lambda _, study: Series.objects.filter(study_id=study, withheld=""), is_exact=True
)
_INSTANCES = Prepared(
    lambda _, series: (
        Instance.objects.shown().filter(series_id=series, has_pixel_data=True).defer("blob")
    ),
    is_exact=True,
)


@dataclass(frozen=True)
class StackInstance:
    """One instance of the stack."""

    sop_instance_uid: str
    number: int | None
    number_of_frames: int
    rows: int
    columns: int
    is_colour: bool


@dataclass(frozen=True)
class SeriesStack:
    """A series with its study, its neighbours in the study, and its instances that have pixels."""

    study: WorklistRow
    series: SeriesCard
    siblings: tuple[SeriesCard, ...]
    instances: tuple[StackInstance, ...]


def series_stack(user: AnyUser, study_uid: str, series_uid: str) -> SeriesStack:
    """Return what the viewer shows of a series.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        UIDs; the series must belong to the study

    Returns
    -------
    the stack, instances in the order of slices along the patient where the geometry tells it,
    else by instance number

    Raises
    ------
    NotVisibleError
        The series is absent, or outside the user's rights.
    """
    series = _SERIES.first(user, series_uid=series_uid, study_uid=study_uid)
    if series is None:
        raise NotVisibleError("There is no such series, or it is outside your projects.")
    siblings = tuple(card_of(one) for one in _SIBLINGS(None, study=series.study_id))
    instances = _INSTANCES(None, series=series.pk)
    return SeriesStack(
        study=row_of(series.study),
        series=card_of(series),
        siblings=tuple(card for card in siblings if card.is_picture),
        instances=tuple(_stack_instance(instance) for instance in _in_slice_order(instances)),
    )


def _in_slice_order(instances: list[Instance]) -> list[Instance]:
    slices = [
        (one.image_orientation_patient, one.image_position_patient, one.instance_number)
        for one in instances
    ]
    return [instances[index] for index in reading_order(slices)]


def _stack_instance(instance: Instance) -> StackInstance:
    return StackInstance(
        sop_instance_uid=instance.sop_instance_uid,
        number=instance.instance_number,
        number_of_frames=max(1, instance.number_of_frames or 1),
        rows=instance.rows or 0,
        columns=instance.columns or 0,
        is_colour=(instance.samples_per_pixel or 1) > 1
        or instance.photometric_interpretation == "PALETTE COLOR",
    )
