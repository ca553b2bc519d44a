"""The program of the limited child process: compressed frames in, samples out.

Run by `archive.dicom.limited_decoding` as ``python -m``. It reads requests from standard input and
answers each on standard output: two lengths, a line of JSON, raw bytes. It ends with its input.
"""

import os
import sys
from typing import Any

from archive.dicom.codecs import decode_compressed
from archive.dicom.image_pixel import ImagePixel
from archive.dicom.process_limits import (
    limit_process,
    limit_this_job,
    read_message,
    write_message,
)
from archive.errors import PixelDecodingError


def answer(request: dict[str, Any], frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Decode one frame.

    Parameters
    ----------
    request : the fields of an ImagePixel
    frame : its compressed bytes

    Returns
    -------
    what is said of the samples, or the error, and the samples' bytes
    """
    try:
        samples, is_rgb = decode_compressed(frame, ImagePixel(**request))
    except PixelDecodingError as error:
        return {"error": error.message, "code": error.code}, b""
    except MemoryError:
        return {"error": "The frame takes too much memory.", "code": "frame-too-large"}, b""
    said = {"dtype": samples.dtype.str, "shape": samples.shape, "is_rgb": is_rgb}
    return said, samples.tobytes()


def main() -> int:
    """Answer until the input ends."""
    # What a codec prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_process()
    while (message := read_message(sys.stdin.buffer)) is not None:
        limit_this_job()
        write_message(answers, *answer(*message))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
