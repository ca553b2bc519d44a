"""Which structures the channels and values of a bundle's output mean, overlapping ones too."""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from inference.errors import BundleRunError

# From this share on a voxel belongs to a label that doesn't exclude the others.
INSIDE = 0.5
_VALUES = 256
_BACKGROUND = re.compile(
    r"^(?:back ?ground|bg|void|none|nothing|empty|outside|exterior|rest|others?|unlabell?ed)\b"
)


def has_background(labels: Mapping[int, str]) -> bool:
    """Say whether the first of several channels is what belongs to no label.

    Parameters
    ----------
    labels : the bundle's ``channel_def``; a first channel without a name is the background
    """
    first = labels.get(0)
    return first is None or bool(_BACKGROUND.match(_plain(first)))


def label_named(labels: Mapping[int, str], number: int) -> str | None:
    """Return what a bundle calls one of its labels; None where it doesn't name it.

    Parameters
    ----------
    labels : the bundle's ``channel_def``
    number : value of its label map, or channel of labels that overlap

    Notes
    -----
    A network of one channel has no background to name: its only label is 1 in the label map.
    """
    if number == 1 and len(labels) == 1 and not has_background(labels):
        return labels[0]
    return labels.get(number)


def overlapping_labels(
    inside_zyxc: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.uint8], dict[int, tuple[int, ...]]]:
    """Write labels that overlap as one label map, in which each mixture has a value of its own.

    Parameters
    ----------
    inside_zyxc : (slices, rows, columns, labels) where each label is

    Returns
    -------
    the map, 0 where no label is, and for each label that has voxels the map's values; labels
    that overlap share some

    Raises
    ------
    BundleRunError
        There are more than 255 mixtures.
    """
    mixed = np.zeros(inside_zyxc.shape[:-1], dtype=np.uint8)
    held: list[tuple[int, ...]] = [()]
    for label in range(inside_zyxc.shape[-1]):
        pairs = mixed + np.uint16(_VALUES) * inside_zyxc[..., label]
        occurs = np.bincount(pairs.ravel(), minlength=2 * _VALUES) > 0
        occurs[0] = True
        found = np.flatnonzero(occurs)
        if len(found) > _VALUES:
            raise BundleRunError("The bundle's labels overlap in more than 255 ways.")
        values = np.zeros(2 * _VALUES, dtype=np.uint8)
        values[found] = np.arange(len(found))
        mixed = values[pairs]
        held = [
            held[pair % _VALUES] + ((label,) if pair >= _VALUES else ()) for pair in found.tolist()
        ]
    numbers = sorted({label for labels in held for label in labels})
    shared = {
        number: tuple(value for value, labels in enumerate(held) if number in labels)
        for number in numbers
    }
    return mixed, shared


def _plain(name: str) -> str:
    return name.strip().casefold().replace("_", " ").replace("-", " ")
