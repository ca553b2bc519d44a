"""What a compressed frame says about itself, read before any decoder gets it."""

import struct
from dataclasses import dataclass

JPEG = "jpeg"
JPEG_LOSSLESS = "jpeg-lossless"
JPEG_LS = "jpeg-ls"
JPEG_2000 = "jpeg-2000"

_SOI, _SOS, _EOI = 0xD8, 0xDA, 0xD9
_START_OF_FRAME = {
    **dict.fromkeys((0xC0, 0xC1, 0xC2), JPEG),
    0xC3: JPEG_LOSSLESS,
    0xF7: JPEG_LS,
}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_J2K_START = b"\xff\x4f\xff\x51"


@dataclass(frozen=True, slots=True)
class Codestream:
    """Kind, shape and colour hints of one compressed image."""

    kind: str
    rows: int
    columns: int
    components: int
    precision: int
    is_signed: bool = False
    has_colour_transform: bool = False
    adobe_transform: int | None = None
    has_jfif: bool = False
    component_ids: bytes = b""


def inspect_codestream(frame: bytes) -> Codestream | None:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 image.

    Parameters
    ----------
    frame : one compressed frame

    Returns
    -------
    Its description, or None if it is none of these or breaks off before its shape is told.

    References
    ----------
    ISO/IEC 10918-1 annex B, 14495-1 annex C, 15444-1 annex A
    """
    try:
        if frame[:2] == b"\xff\xd8":
            return _inspect_jpeg(frame)
        start = 0 if frame[:4] == _J2K_START else frame[:4096].find(_J2K_START)
        return _inspect_jpeg_2000(frame, start) if start >= 0 else None
    except (struct.error, IndexError):
        return None


def _inspect_jpeg(frame: bytes) -> Codestream | None:
    position, transform, has_jfif = 2, None, False
    while True:
        while frame[position] != 0xFF:
            position += 1
        marker = frame[position + 1]
        if marker == 0xFF or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in {_SOS, _EOI}:
            return None
        (length,) = struct.unpack_from(">H", frame, position + 2)
        segment = frame[position + 4 : position + 2 + length]
        if marker == 0xE0 and segment[:4] == b"JFIF":
            has_jfif = True
        elif marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            transform = segment[11]
        elif marker in _START_OF_FRAME:
            precision, rows, columns, components = struct.unpack_from(">BHHB", segment)
            return Codestream(
                kind=_START_OF_FRAME[marker],
                rows=rows,
                columns=columns,
                components=components,
                precision=precision,
                adobe_transform=transform,
                has_jfif=has_jfif,
                component_ids=segment[6 : 6 + 3 * components : 3],
            )
        position += 2 + length


def _inspect_jpeg_2000(frame: bytes, start: int) -> Codestream:
    right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
    components, depth = struct.unpack_from(">HB", frame, start + 40)
    (size_length,) = struct.unpack_from(">H", frame, start + 4)
    position, has_transform = start + 4 + size_length, False
    while position + 9 < len(frame) and frame[position] == 0xFF and frame[position + 1] != 0x90:
        if frame[position + 1] == 0x52:
            has_transform = frame[position + 8] == 1
            break
        position += 2 + struct.unpack_from(">H", frame, position + 2)[0]
    return Codestream(
        kind=JPEG_2000,
        rows=bottom - top,
        columns=right - left,
        components=components,
        precision=(depth & 0x7F) + 1,
        is_signed=bool(depth & 0x80),
        has_colour_transform=has_transform,
    )
