"""What labels are about: studies, series, images and regions of images, found by their UIDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from archive.errors import InvalidRequestError
from archive.models import Instance, Series, Study
from inference.models import Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.querysets import AnyUser
    from inference.training.labelling import NewLabel

MAX_LENGTH = 64
MAX_LABELS = 10_000
MAX_PIXELS = 1_000_000


class LabelledObjects:
    """The labelled objects, found in three queries: inside a user's rights, or all there are."""

    def __init__(self, user: AnyUser | None, labels: Iterable[NewLabel]) -> None:
        wanted = list(labels)
        studies, series, instances = (
            kind.objects.all() if user is None else kind.objects.visible_to(user)
            for kind in (Study, Series, Instance)
        )
        self._studies = _by_uid(studies, "study_instance_uid", {x.study for x in wanted})
        self._series = _by_uid(
            series.select_related("study"), "series_instance_uid", {x.series for x in wanted}
        )
        self._instances = _by_uid(
            instances.select_related("series__study"),
            "sop_instance_uid",
            {x.instance for x in wanted},
        )
        self.studies: set[Study] = set()

    def row(self, label: NewLabel) -> Label | None:
        """Return the row of a label that is not saved yet; None where its object is not there."""
        study, series = self._studies.get(label.study), self._series.get(label.series)
        instance = self._instances.get(label.instance)
        if label.frame is not None or label.region:
            _check_inside(label, instance)
        if series is not None:
            study = series.study
        elif instance is not None:
            study = instance.series.study
        if study is None:
            return None
        self.studies.add(study)
        return Label(
            study=study,
            series=series,
            instance=instance,
            label_set=label.label_set.strip(),
            label=label.label.strip(),
            frame=label.frame or (1 if label.region else None),
            region=list(label.region),
        )


def _by_uid(rows: Any, field: str, uids: set[str]) -> dict[str, Any]:
    wanted = uids - {""}
    if not wanted:
        return {}
    return {getattr(row, field): row for row in rows.filter(**{f"{field}__in": wanted})}


def check_labels(labels: Iterable[NewLabel]) -> None:
    """Raise InvalidRequestError unless each label says something about exactly one object."""
    wanted = list(labels)
    if len(wanted) > MAX_LABELS:
        raise InvalidRequestError(
            gettext("At most %(most)s labels at once.") % {"most": MAX_LABELS}
        )
    for number, label in enumerate(wanted, start=1):
        if sum(bool(uid) for uid in (label.study, label.series, label.instance)) != 1:
            raise InvalidRequestError(
                gettext("Label %(number)s: name one study, series or instance.")
                % {"number": number}
            )
        for text in (label.label_set, label.label):
            if not text.strip() or len(text) > MAX_LENGTH or not text.isprintable():
                message = f"Label {number}: label and set are texts of 1 to {MAX_LENGTH} signs."
                raise InvalidRequestError(message)
        if (label.frame is not None or label.region) and not label.instance:
            message = f"Label {number}: a frame or a region is one of an instance."
            raise InvalidRequestError(message)
        _check_region(number, label)


def _check_region(number: int, label: NewLabel) -> None:
    if label.frame is not None and not 1 <= label.frame <= MAX_PIXELS:
        raise InvalidRequestError(
            gettext("Label %(number)s: frames are numbered from 1.") % {"number": number}
        )
    if not label.region:
        return
    if len(label.region) != 4 or any(not 0 <= side <= MAX_PIXELS for side in label.region):
        message = f"Label {number}: a region is x, y, width and height in pixels."
        raise InvalidRequestError(message)
    if min(label.region[2:]) < 1:
        raise InvalidRequestError(
            gettext("Label %(number)s: a region is at least one pixel wide and high.")
            % {"number": number}
        )


def _check_inside(label: NewLabel, instance: Instance | None) -> None:
    """Refuse what lies outside the image, where its size is known."""
    if instance is None:
        return
    if label.frame is not None and label.frame > max(1, instance.number_of_frames or 1):
        raise InvalidRequestError(gettext("There is no such frame."))
    if label.region and instance.columns and instance.rows:
        x, y, width, height = label.region
        if x + width > instance.columns or y + height > instance.rows:
            raise InvalidRequestError(gettext("The region reaches beyond the image."))
