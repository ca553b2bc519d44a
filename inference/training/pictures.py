"""The images of a training, decoded once and kept beside its checkpoints. No torch here."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np

from archive.errors import ArchiveError
from inference.errors import UnsupportedInputError
from inference.pipelines.classifier import letterboxed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from inference.training.datasets import TrainingData

logger = logging.getLogger(__name__)

_TELL_EVERY = 25


def prepare_pictures(
    data: TrainingData,
    folder: Path,
    *,
    side: int,
    tell: Callable[[int, int], None] = lambda done, all_of: None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Decode every image into a square, or open what an earlier attempt decoded.

    Parameters
    ----------
    data : samples
    folder : where they are kept
    side : of the square, pixels
    tell : how many of how many are done

    Returns
    -------
    (n, side, side) uint8, and which of them could be decoded

    Raises
    ------
    UnsupportedInputError
        None could.
    """
    pictures, states = folder / "pictures.npy", folder / "pictures.json"
    keys = [one.key for one in data.samples]
    if states.is_file():
        known = json.loads(states.read_text(encoding="utf-8"))
        if known["keys"] == keys and known["side"] == side:
            return np.load(pictures, mmap_mode="r"), np.array(known["readable"], dtype=bool)
    kept = np.lib.format.open_memmap(
        pictures, mode="w+", dtype=np.uint8, shape=(len(keys), side, side)
    )
    readable = np.zeros(len(keys), dtype=bool)
    for index in range(len(keys)):
        try:
            kept[index] = letterboxed(data.picture(index), side)
            readable[index] = True
        except (ArchiveError, OSError) as error:
            logger.warning("image not learned from", extra={"key": keys[index], "why": str(error)})
        if index % _TELL_EVERY == 0:
            tell(index, len(keys))
    kept.flush()
    if not readable.any():
        raise UnsupportedInputError("None of the labelled images could be decoded.")
    stated = {"keys": keys, "side": side, "readable": readable.tolist()}
    states.write_text(json.dumps(stated), encoding="utf-8")
    return kept, readable
