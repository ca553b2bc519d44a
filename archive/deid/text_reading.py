"""Text in pictures, read by a child process with limits: where it stands and what it says."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from archive.dicom.child_process import ChildProcess
from archive.errors import NotAcceptableError, PixelDecodingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

# Longest side of what is read at once: smaller pictures are enlarged, larger ones cut into tiles.
_SIDE, _TILE, _OVERLAP = 1024, 1280, 160
_MAX_ENLARGED = 3.0
_JOB_SECONDS = 180.0
_JOBS_OF_A_CHILD = 500
# The networks take half a gigabyte: who is done for now gives it back.
_IDLE_SECONDS = 60.0
_PACKAGES = ("rapidocr", "onnxruntime", "cv2")


@dataclass(frozen=True)
class Word:
    """Text as it was read, 0 to 1 how surely, and its rectangle in pixels."""

    text: str
    score: float
    left: int
    top: int
    width: int
    height: int


@cache
def can_read_text() -> bool:
    """Whether the extra ``ocr`` is installed."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def read_words(picture: Picture) -> list[Word]:
    """Read the text in a picture.

    Parameters
    ----------
    picture
        (rows, columns) or (rows, columns, 3) uint8

    Returns
    -------
    every line of text that was found, doubtful ones too

    Raises
    ------
    NotAcceptableError
        ``no-text-reader``: the extra ``ocr`` is not installed.
    PixelDecodingError
        ``reader-died``: the picture took too much time or memory.
    """
    if not can_read_text():
        message = "Text in pixels can't be read here: the extra 'ocr' is not installed."
        raise NotAcceptableError(message, code="no-text-reader")
    found = []
    for tile, left, top, scale in _tiles(picture):
        for text, score, x, y, width, height in _place.ask(tile):
            found.append(
                Word(
                    text,
                    score,
                    left + int(x / scale),
                    top + int(y / scale),
                    int(np.ceil(width / scale)) + 1,
                    int(np.ceil(height / scale)) + 1,
                )
            )
    return found


def _tiles(picture: Picture) -> Iterator[tuple[Picture, int, int, float]]:
    """Give what is read at once: a picture, its place in the whole, and how it was scaled."""
    coloured = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    rows, columns = coloured.shape[:2]
    longest = max(rows, columns)
    scale = min(_SIDE / longest, _MAX_ENLARGED) if longest < _SIDE else min(1.0, _TILE / longest)
    yield _scaled(coloured, scale), 0, 0, scale
    if longest <= _TILE:
        return
    # Small print is lost in the reduced whole.
    for top in _starts(rows):
        for left in _starts(columns):
            tile = coloured[top : top + _TILE, left : left + _TILE]
            yield np.ascontiguousarray(tile), left, top, 1.0


def _starts(length: int) -> list[int]:
    count = max(1, -(-(length - _OVERLAP) // (_TILE - _OVERLAP)))
    return [at * (_TILE - _OVERLAP) for at in range(count)]


def _scaled(picture: Picture, scale: float) -> Picture:
    if scale == 1.0:
        return picture
    rows, columns = picture.shape[:2]
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


class _Place:
    """Where this process has its pictures read: one child at a time, ended when idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._clock: threading.Timer | None = None

    def ask(self, picture: Picture) -> list[tuple[str, float, float, float, float, float]]:
        with self._lock:
            if self._clock is not None:
                self._clock.cancel()
            child = self._fit_child()
            answer = child.ask({"shape": picture.shape}, picture.tobytes(), seconds=_JOB_SECONDS)
            self._clock = threading.Timer(_IDLE_SECONDS, self.close)
            self._clock.daemon = True
            self._clock.start()
        if answer is None:
            message = "The reader of text gave up on this picture."
            raise PixelDecodingError(message, code="reader-died")
        return [tuple(word) for word in answer[0]["words"]]

    def _fit_child(self) -> ChildProcess:
        if self._child is not None and not self._child.is_fit:
            self._child.end()
            self._child = None
        if self._child is None:
            self._child = ChildProcess("archive.deid.text_process", jobs=_JOBS_OF_A_CHILD)
        return self._child

    def close(self) -> None:
        """End the child; the next picture starts another."""
        with self._lock:
            if self._child is not None:
                self._child.end()
                self._child = None

    def forget(self) -> None:
        """Leave a forked process' parent its own child."""
        self.__init__()  # type: ignore[misc]


_place = _Place()
os.register_at_fork(after_in_child=_place.forget)
atexit.register(_place.close)
