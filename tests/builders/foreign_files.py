"""Files that are no DICOM: pictures, a PDF, volumes, and the skeleton of a video."""

from __future__ import annotations

import io
import struct
from typing import Any

import nibabel
import numpy as np
from PIL import Image

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
# From (i, j, k) to millimetres in RAS: an oblique one, of which two axes run backwards.
OBLIQUE = np.array(
    [
        [-0.8, 0.0, 0.3, 40.0],
        [0.0, -0.7, 0.0, -25.0],
        [0.1, 0.0, 2.4, 310.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


def picture(kind: str = "PNG", size: tuple[int, int] = (20, 12), mode: str = "RGB") -> bytes:
    """Return a picture of a ramp."""
    wide, high = size
    ramp = np.arange(wide * high, dtype=np.uint32).reshape(high, wide)
    if mode == "RGB":
        samples = np.stack([ramp % 256, ramp * 3 % 256, ramp * 7 % 256], -1).astype(np.uint8)
    else:
        samples = (ramp * 97 % 65536).astype(np.uint16 if mode == "I;16" else np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, kind)
    return buffer.getvalue()


def pages(number: int = 3) -> bytes:
    """Return a TIFF of several pages."""
    made = [Image.new("L", (16, 10), 40 * one) for one in range(number)]
    buffer = io.BytesIO()
    made[0].save(buffer, "TIFF", save_all=True, append_images=made[1:])
    return buffer.getvalue()


def volume(
    shape: tuple[int, ...] = (7, 6, 5), affine: Any = OBLIQUE, dtype: str = "i2", **head: Any
) -> bytes:
    """Return a NIfTI-1 file of a ramp."""
    voxels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    image = nibabel.Nifti1Image(voxels, affine)
    for name, value in head.items():
        image.header[name] = value
    content = bytearray(image.to_bytes())
    if "qform_code" in head:
        # nibabel writes an sform of its own accord.
        struct.pack_into("<2h", content, 252, head["qform_code"], head["sform_code"])
    return bytes(content)


def video(*, profile: int = 100, level: int = 40, codec: bytes = b"avcC") -> bytes:
    """Return an MP4 of 50 frames with an index and no real pictures."""

    def box(name: bytes, *content: bytes) -> bytes:
        inner = b"".join(content)
        return struct.pack(">I4s", 8 + len(inner), name) + inner

    avcc = box(b"avcC", bytes([1, profile, 0, level, 0xFF]))
    hvcc = box(b"hvcC", bytes([1, 1, *[0] * 10, 120, *[0] * 10]))
    visual = bytes(24) + struct.pack(">HH", 320, 240) + bytes(50)
    entry = box(b"avc1", visual, hvcc if codec == b"hvcC" else avcc)
    stsd = box(b"stsd", struct.pack(">II", 0, 1), entry)
    stts = box(b"stts", struct.pack(">IIII", 0, 1, 50, 40))
    hdlr = box(b"hdlr", bytes(8), b"vide", bytes(12))
    mdhd = box(b"mdhd", struct.pack(">IIIII", 0, 0, 0, 1000, 2000), bytes(4))
    media = box(b"mdia", mdhd, hdlr, box(b"minf", box(b"stbl", stsd, stts)))
    moov = box(b"moov", box(b"trak", media))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"mdat", bytes(2000)) + moov
