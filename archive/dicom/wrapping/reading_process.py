"""The program of the limited child process that opens foreign files: samples out.

Run by `archive.dicom.wrapping.reading` as ``python -m`` with the file as its standard input.
"""

import os
import sys
import warnings
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from archive.dicom.process_limits import limit_process, limit_this_job, write_message
from archive.dicom.wrapping.nifti import read_nifti
from archive.errors import ArchiveError, InvalidInstanceError, LimitExceededError

MAX_PIXELS = 200_000_000
MAX_FRAMES = 1000
MAX_BYTES = 1 << 30
_FORMATS = ("PNG", "JPEG", "TIFF")
# Cameras write several pictures into one JPEG; the first is meant.
_LOSSY = frozenset({"JPEG", "MPO"})


def read_picture(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Decode a PNG, JPEG or TIFF.

    Parameters
    ----------
    file : the picture

    Returns
    -------
    shape (frames, rows, columns[, 3]), dtype and whether it was compressed with loss; samples

    Raises
    ------
    InvalidInstanceError
        ``not-a-picture``: it can't be decoded, or its pages differ.
    LimitExceededError
        It is too large.
    """
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError  # noqa: PLC0415

    for name in _FORMATS:
        # Only these decoders are loaded.
        import_module(f"PIL.{name.capitalize()}ImagePlugin")

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    frames, size = [], 0
    try:
        with Image.open(file, formats=_FORMATS) as image:
            is_lossy = image.format in _LOSSY or image.info.get("compression") == "jpeg"
            wants_one = image.format != "TIFF"
            for number, page in enumerate(ImageSequence.Iterator(image)):
                upright = ImageOps.exif_transpose(page) if image.format in _LOSSY else page
                samples = _samples(upright)
                size += samples.nbytes
                if number >= MAX_FRAMES or size > MAX_BYTES:
                    raise LimitExceededError("The picture has too many pages, or pixels.")
                frames.append(samples)
                if wants_one:
                    break
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitExceededError(f"The picture has more than {MAX_PIXELS} pixels.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        message = "The picture can't be decoded: it is damaged, or of another kind."
        raise InvalidInstanceError(message, code="not-a-picture") from error
    if len({(one.shape, one.dtype) for one in frames}) != 1:
        message = "The pages differ in size or kind: upload them one by one."
        raise InvalidInstanceError(message, code="not-a-picture")
    whole = np.stack(frames)
    said = {"shape": whole.shape, "dtype": whole.dtype.str, "is_lossy": is_lossy}
    return said, whole.tobytes()


def _samples(image: Any) -> npt.NDArray[np.generic]:
    if image.mode.startswith("I;16") or image.mode == "I":
        samples = np.asarray(image)
        if samples.min() < 0 or samples.max() > 0xFFFF:
            raise InvalidInstanceError(
                "Its grey values need more than 16 bits.", code="not-a-picture"
            )
        return samples.astype("<u2")
    if image.mode == "F":
        raise InvalidInstanceError("Its grey values are no whole numbers.", code="not-a-picture")
    if image.mode in {"1", "L"}:
        return np.asarray(image.convert("L"))
    if image.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in image.info:
        image = _on_white(image)
    return np.asarray(image.convert("RGB"))


def _on_white(image: Any) -> Any:
    from PIL import Image  # noqa: PLC0415

    pane = image.convert("RGBA")
    ground = Image.new("RGBA", pane.size, "white")
    return Image.alpha_composite(ground, pane)


def read_volume(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read a NIfTI file.

    Parameters
    ----------
    file : the volume

    Returns
    -------
    shape (i, j, k, time), dtype, affine, slope and intercept; voxels, the first index quickest
    """
    volume = read_nifti(file)
    said = {
        "shape": volume.voxels_ijkt.shape,
        "dtype": volume.voxels_ijkt.dtype.str,
        "affine": volume.affine_ras.tolist(),
        "slope": volume.slope,
        "intercept": volume.intercept,
    }
    return said, volume.voxels_ijkt.tobytes(order="F")


READERS = {"picture": read_picture, "volume": read_volume}


def main() -> int:
    """Read one file and end."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    read = READERS[sys.argv[1]]
    limit_process()
    limit_this_job()
    try:
        said, content = read(sys.stdin.buffer)
    except ArchiveError as error:
        limit = "LimitExceededError" if isinstance(error, LimitExceededError) else ""
        said, content = {"error": error.message, "code": error.code, "kind": limit}, b""
    except MemoryError:
        said, content = {"error": "It takes too much memory.", "code": "too-large", "kind": ""}, b""
    write_message(answers, said, content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
