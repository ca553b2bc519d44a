"""Attributes that multi-frame objects keep in functional groups (PS3.3 C.7.6.16)."""

from pydicom.dataset import Dataset

_PER_FRAME, _SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"


def frame_module(ds: Dataset, group_keyword: str, frame_index: int) -> Dataset:
    """Return the data set that holds a group's attributes for one frame.

    Parameters
    ----------
    ds : the instance
    group_keyword : keyword of the functional group's sequence, such as ``FrameVOILUTSequence``
    frame_index : from 0

    Returns
    -------
    The item of the frame, else the item shared by all frames, else the instance itself, where
    single-frame objects keep the same attributes.
    """
    per_frame = ds.get(_PER_FRAME) or []
    shared = ds.get(_SHARED) or []
    candidates = [per_frame[frame_index]] if frame_index < len(per_frame) else []
    candidates += shared[:1]
    for groups in candidates:
        items = groups.get(group_keyword)
        if items:
            item: Dataset = items[0]
            return item
    return ds
