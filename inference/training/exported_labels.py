"""Labels as they go with images that leave the archive for research."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.research.labels import ExportedLabel
from inference.training.labels import study_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.models.querysets import AnyUser


def exported_labels(user: AnyUser, study_uid: str) -> Iterator[ExportedLabel]:
    """Give the labels on a study that the user sees; who said them is made a code of later."""
    for one in study_labels(user, study_uid).labels:
        yield ExportedLabel(
            label_set=one.label_set,
            label=one.label,
            series_uid=one.series_uid,
            instance_uid=one.instance_uid,
            frame=one.frame,
            region=one.region,
            source=one.source,
            annotator=one.reader,
        )
