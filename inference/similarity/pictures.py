"""Display images of queries: uploaded bytes through a limited child process, and stored frames."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from django.utils.translation import gettext

from archive.dicom.rendering import render_frame
from archive.errors import ArchiveError
from archive.retrieve.datasets import load_dataset
from inference.errors import UnsupportedInputError
from inference.similarity.errors import InvalidQueryError, UndecodableImageError
from inference.similarity.types import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    import numpy.typing as npt

    from archive.models import Instance
    from inference.similarity.types import Region

TIMEOUT_S = 20.0
_MAX_PIXEL_BYTES = 3 * 40_000_000
_MAX_HEADER_BYTES = 4096
_ROOT = Path(__file__).resolve().parents[2]
# Children cost memory: more askers than this wait.
_children = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Picture:
    """Display values with what the file said about them."""

    pixels: npt.NDArray[np.uint8]
    modality: str = ""
    body_part: str = ""


def decode_upload(content: bytes, *, frame: int | None = None) -> Picture:
    """Decode an uploaded picture in a child process with limits of its own.

    The bytes go through pipes: never to a disk, a queue or a log.

    Parameters
    ----------
    content : a DICOM file, PNG or JPEG of at most 64 MiB
    frame : of a multi-frame DICOM file, from 1; the middle one where None

    Returns
    -------
    (rows, columns) or (rows, columns, 3) uint8 with modality and body part where known

    Raises
    ------
    UndecodableImageError
        The bytes are no such picture, or decoding takes more than is allowed.
    """
    if len(content) > MAX_IMAGE_BYTES:
        limit = MAX_IMAGE_BYTES >> 20
        raise UndecodableImageError(
            gettext("The image is larger than %(limit)s MiB.") % {"limit": limit}, field="image"
        )
    arguments = [] if frame is None else [str(frame)]
    with _children:
        answer = _run_child(arguments, content)
    if answer is None:
        raise UndecodableImageError(
            gettext("The image can't be read as DICOM, PNG or JPEG within the limits."),
            field="image",
        )
    return answer


def stored_picture(instance: Instance, frame: int | None = None) -> npt.NDArray[np.uint8]:
    """Render a frame of a stored instance as the models see it.

    Parameters
    ----------
    instance : inside the asker's rights, with its blob
    frame : from 1; the middle one where None

    Returns
    -------
    (rows, columns) or (rows, columns, 3) uint8

    Raises
    ------
    InvalidQueryError
        The instance has no such frame.
    UnsupportedInputError
        It has no image, or one that can't be decoded.
    StorageError
        Its bytes can't be read.
    """
    if not instance.has_pixel_data:
        raise UnsupportedInputError(gettext("This instance has no image."))
    frames = instance.number_of_frames or 1
    if frame is not None and not 1 <= frame <= frames:
        raise InvalidQueryError(
            gettext("The instance has frames 1 to %(frames)s.") % {"frames": frames}, field="frame"
        )
    ds = load_dataset(instance)
    try:
        return render_frame(ds, frames // 2 if frame is None else frame - 1)
    except ArchiveError as error:
        raise UnsupportedInputError(
            gettext("The image of this instance can't be decoded.")
        ) from error


def cropped(pixels: npt.NDArray[np.uint8], region: Region | None) -> npt.NDArray[np.uint8]:
    """Cut a region out of an image.

    Parameters
    ----------
    pixels : (rows, columns) or (rows, columns, 3)
    region : in pixels, inside the image; None for all of it

    Returns
    -------
    (region.height, region.width) or with 3 colours

    Raises
    ------
    InvalidQueryError
        The region is empty or reaches over the border.
    """
    if region is None:
        return pixels
    rows, columns = pixels.shape[:2]
    inside = (
        min(region.x, region.y) >= 0
        and min(region.width, region.height) >= 1
        and region.x + region.width <= columns
        and region.y + region.height <= rows
    )
    if not inside:
        message = f"The region must lie inside the image of {columns} x {rows} pixels."
        raise InvalidQueryError(message, field="region")
    return pixels[region.y : region.y + region.height, region.x : region.x + region.width]


def _run_child(arguments: list[str], content: bytes) -> Picture | None:
    command = [sys.executable, "-E", "-s", "-m", "inference.similarity.picture_process"]
    with subprocess.Popen(  # noqa: S603 our own program; a frame's number is its only argument
        [*command, *arguments],
        cwd=_ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        killer = threading.Timer(TIMEOUT_S, child.kill)
        writer = threading.Thread(target=_feed, args=(child.stdin, content), daemon=True)
        killer.start()
        writer.start()
        try:
            output = _read_bounded(child.stdout)
        finally:
            killer.cancel()
            child.kill()
            writer.join()
    return _parsed(output)


def _feed(stdin: IO[bytes] | None, content: bytes) -> None:
    if stdin is None:
        return
    # A child that has given up closes its end; its answer says so.
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(content)


def _read_bounded(stdout: IO[bytes] | None) -> bytes:
    return b"" if stdout is None else stdout.read(_MAX_HEADER_BYTES + _MAX_PIXEL_BYTES)


def _environment() -> dict[str, str]:
    # Our secrets stay out; one thread each keeps address space for the pixels.
    kept = {
        key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "LANG") if key in os.environ
    }
    return kept | {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _parsed(output: bytes) -> Picture | None:
    """Read the child's answer as a stranger's: it may have been taken over by the picture."""
    line, newline, pixels = output.partition(b"\n")
    if not newline:
        return None
    try:
        header = json.loads(line)
        shape = tuple(int(side) for side in header["shape"])
        values = np.frombuffer(pixels, dtype=np.uint8).reshape(shape)
    except (ValueError, KeyError, TypeError):
        return None
    is_image = min(shape, default=0) > 0 and (
        len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    )
    if not is_image:
        return None
    modality, body_part = (str(header.get(name, ""))[:64] for name in ("modality", "body_part"))
    return Picture(values, modality, body_part)
