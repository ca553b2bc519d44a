"""Compressed frames are decoded in child processes with limits, kept warm for the next frame.

Codecs are large programs in unsafe languages, and a frame may have been made to harm them. What
goes wrong in a child ends as an error of that frame: the child is replaced.
"""

import atexit
import os
import threading
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from archive.dicom.child_process import ChildProcess
from archive.dicom.codecs import decode_compressed
from archive.dicom.image_pixel import ImagePixel
from archive.errors import PixelDecodingError

Samples = npt.NDArray[np.generic]
MAX_CHILDREN = 2
# Wall-clock time, on a machine that may be busy; the child's own limit counts its CPU time.
JOB_SECONDS = 180.0
# A child that has leaked is replaced before it matters.
_JOBS_OF_A_CHILD = 2000
_PIPE_BYTES = 1 << 20


class _Child:
    """One decoding process, used by one thread at a time."""

    def __init__(self) -> None:
        self._process = ChildProcess("archive.dicom.decoding_process", jobs=_JOBS_OF_A_CHILD)
        # Frames are large: fewer turns of the two processes for each.
        self._process.widen_pipes(_PIPE_BYTES)

    def decode(self, frame: bytes, pixel: ImagePixel) -> tuple[Samples, bool]:
        message = self._process.ask(asdict(pixel), frame, seconds=JOB_SECONDS)
        if message is None:
            raise PixelDecodingError(
                "The decoder gave up on this frame: it takes too much time or memory, or is made "
                "to harm.",
                code="decoder-died",
            )
        said, content = message
        if "error" in said:
            raise PixelDecodingError(said["error"], code=said["code"])
        return np.frombuffer(content, said["dtype"]).reshape(said["shape"]), said["is_rgb"]

    @property
    def is_fit(self) -> bool:
        return self._process.is_fit

    def end(self) -> None:
        self._process.end()


class DecoderPool:
    """A few children; who finds all of them at work waits.

    Parameters
    ----------
    size : how many at most
    """

    def __init__(self, size: int = MAX_CHILDREN) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def decode(self, frame: bytes, pixel: ImagePixel) -> tuple[Samples, bool]:
        """Decode one compressed frame, as `archive.dicom.codecs.decode_compressed` does."""
        with self._free:
            child = self._take()
            try:
                return child.decode(frame, pixel)
            finally:
                self._give_back(child)

    def _take(self) -> _Child:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is not None and not child.is_fit:
            child.end()
            child = None
        return child or _Child()

    def _give_back(self, child: _Child) -> None:
        if not child.is_fit:
            child.end()
            return
        with self._lock:
            self._idle.append(child)

    def close(self) -> None:
        """End the children; those of a parent that forked this process are not ours."""
        with self._lock:
            idle, self._idle = self._idle, []
        if os.getpid() == self._owner:
            for child in idle:
                child.end()


class _Place:
    """Where this process has its frames decoded."""

    def __init__(self) -> None:
        self.is_here = False
        self._pool: DecoderPool | None = None
        self._lock = threading.Lock()

    def pool(self) -> DecoderPool:
        with self._lock:
            if self._pool is None:
                self._pool = DecoderPool()
                atexit.register(self._pool.close)
            return self._pool

    def forget(self) -> None:
        """Leave a forked process' parent its own children."""
        self._pool = None
        self._lock = threading.Lock()


_place = _Place()
os.register_at_fork(after_in_child=_place.forget)


def decode_here() -> None:
    """Decode in this process from now on: it has limits of its own."""
    _place.is_here = True


def decode_limited(frame: bytes, pixel: ImagePixel) -> tuple[Samples, bool]:
    """Decode one compressed frame in a child with limits.

    Parameters
    ----------
    frame : the fragments of the frame joined
    pixel : what the data set says

    Returns
    -------
    As `archive.dicom.codecs.decode_compressed`; the samples are read-only.

    Raises
    ------
    PixelDecodingError
        As there, or ``decoder-died``: the frame took too much time or memory, or ended the child.
    """
    if _place.is_here:
        return decode_compressed(frame, pixel)
    return _place.pool().decode(frame, pixel)
