"""The program of the limited child process: a picture's bytes in, its display values out.

Run by `inference.similarity.pictures` as ``python -m``; never imported by the web process. It
reads standard input, writes one line of JSON and then the raw pixels to standard output.
"""

import io
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_PIXELS = 40_000_000
_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 20
_FORMATS = ("PNG", "JPEG")
_DICOM_PREFIX_OFFSET = 128


def limit_process() -> None:
    """Take from this process what a hostile picture could use: memory, time, files, core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def decode(content: bytes, frame: int | None) -> tuple["npt.NDArray[np.uint8]", dict[str, str]]:
    """Decode a DICOM file, PNG or JPEG into display values.

    Parameters
    ----------
    content : bytes of the file
    frame : from 1, of a multi-frame DICOM file; the middle one where None

    Returns
    -------
    (rows, columns) or (rows, columns, 3) uint8, and the modality and body part where known

    Raises
    ------
    ValueError
        The picture is none of the three, has too many pixels, or no such frame.
    """
    if content[_DICOM_PREFIX_OFFSET : _DICOM_PREFIX_OFFSET + 4] == b"DICM":
        return _decode_dicom(content, frame)
    if frame not in {None, 1}:
        raise ValueError("A picture has one frame.")
    return _decode_picture(content), {}


def _decode_dicom(
    content: bytes, frame: int | None
) -> tuple["npt.NDArray[np.uint8]", dict[str, str]]:
    from archive.dicom.limited_decoding import decode_here  # noqa: PLC0415 a PNG needs no pydicom
    from archive.dicom.reading import read_dataset  # noqa: PLC0415
    from archive.dicom.rendering import render_frame  # noqa: PLC0415

    decode_here()
    ds = read_dataset(io.BytesIO(content))
    frames = int(ds.get("NumberOfFrames") or 1)
    if int(ds.get("Rows", 0)) * int(ds.get("Columns", 0)) > MAX_PIXELS:
        raise ValueError("The image has too many pixels.")
    if frame is not None and not 1 <= frame <= frames:
        raise ValueError("There is no such frame.")
    picture = render_frame(ds, (frames // 2) if frame is None else frame - 1)
    attributes = {
        "modality": str(ds.get("Modality") or ""),
        "body_part": str(ds.get("BodyPartExamined") or ""),
    }
    return picture, attributes


def _decode_picture(content: bytes) -> "npt.NDArray[np.uint8]":
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        # The header alone has been read: size is refused before anything is decoded.
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("The picture has too many pixels.")
        image.load()
        if image.mode.startswith(("I", "F")):
            return _stretched(np.asarray(image))
        if image.mode in {"L", "1", "LA"}:
            return np.asarray(image.convert("L"))
        return np.asarray(image.convert("RGB"))


def _stretched(values: "npt.NDArray[Any]") -> "npt.NDArray[np.uint8]":
    """More than 8 bits carry no window of their own: lowest to black, highest to white."""
    low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float32) - low) / max(high - low, 1.0)
    return (scaled * 255).round().astype(np.uint8)


def main(arguments: list[str]) -> int:
    """Decode standard input within limits.

    Parameters
    ----------
    arguments : the frame's number, or nothing

    Returns
    -------
    The exit code: 0, or 1 where the picture can't be decoded.
    """
    limit_process()
    try:
        frame = int(arguments[0]) if arguments else None
        picture, attributes = decode(sys.stdin.buffer.read(), frame)
    except Exception:  # noqa: BLE001 this is a process's edge, and its words could hold patients' data
        return 1
    header = {"shape": list(picture.shape), **attributes}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.write(np.ascontiguousarray(picture).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
