"""The attributes of one stored object, as it is served, for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.dicom.tag_lines import MAX_LINES, matching_lines, tag_lines
from archive.dicom.uids import is_valid_uid
from archive.errors import NotVisibleError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from archive.retrieve.selectors import visible_instance

if TYPE_CHECKING:
    from archive.dicom.tag_lines import TagLine
    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class ObjectTags:
    """An object of a series with its attributes; ``place`` counts from 1."""

    instance_uid: str
    place: int
    number_of_instances: int
    lines: list[TagLine]
    number_of_lines: int
    is_cut: bool


def object_tags(
    user: AnyUser,
    *,
    study_uid: str,
    series_uid: str,
    instance_uid: str = "",
    place: int = 1,
    text: str = "",
) -> ObjectTags:
    """Return the attributes of an object: the one named, else the one at a place of its series.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        the path to the series
    instance_uid
        SOP Instance UID; wins over the place
    place
        from 1 by instance number; beyond the end, the last
    text
        words that the lines must hold

    Raises
    ------
    NotVisibleError
        There is no such object in the user's rights.
    BlobMissingError
        Its bytes are gone.
    """
    uids = _uids(user, study_uid, series_uid)
    if instance_uid:
        if instance_uid not in uids:
            raise NotVisibleError("There is no such object in this series.")
        place = uids.index(instance_uid) + 1
    place = min(max(place, 1), len(uids))
    instance = visible_instance(user, study_uid, series_uid, uids[place - 1])
    lines = tag_lines(load_dataset(instance, stop_before_pixels=True))
    return ObjectTags(
        instance_uid=uids[place - 1],
        place=place,
        number_of_instances=len(uids),
        lines=matching_lines(lines, text),
        number_of_lines=len(lines),
        is_cut=len(lines) == MAX_LINES,
    )


def _uids(user: AnyUser, study_uid: str, series_uid: str) -> list[str]:
    uids: list[str] = []
    if is_valid_uid(study_uid) and is_valid_uid(series_uid):
        rows = Instance.objects.visible_to(user).filter(
            withheld="",
            series__series_instance_uid=series_uid,
            series__study__study_instance_uid=study_uid,
        )
        uids = list(
            rows.order_by("instance_number", "pk").values_list("sop_instance_uid", flat=True)
        )
    if not uids:
        raise NotVisibleError("There is no such series, or it holds no objects.")
    return uids
