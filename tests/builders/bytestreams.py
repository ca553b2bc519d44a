"""Build DICOM byte streams element by element, sound or broken, as no writer would."""

import struct
import zlib

LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
UNDEFINED = 0xFFFFFFFF
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IDENTITY = {
    0x00080016: ("UI", "1.2.840.10008.5.1.4.1.1.7"),
    0x00080018: ("UI", "1.2.3.4.5.6"),
    0x0020000D: ("UI", "1.2.3.4"),
    0x0020000E: ("UI", "1.2.3.4.5"),
}


def element(
    tag: int, vr: str, value: bytes = b"", *, length: int | None = None, implicit=False, big=False
) -> bytes:
    """Encode one element; `length` lies about the value's, an odd value is padded."""
    if len(value) % 2:
        value += b"\0" if vr in {"UI", "OB", "UN"} else b" "
    order = ">" if big else "<"
    stated = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack(f"{order}L", stated) + value
    if vr in LONG_VRS:
        return head + vr.encode() + b"\0\0" + struct.pack(f"{order}L", stated) + value
    return head + vr.encode() + struct.pack(f"{order}H", stated & 0xFFFF) + value


def text(tag: int, vr: str, value: str, **options) -> bytes:
    """Encode a text element."""
    return element(tag, vr, value.encode("latin-1"), **options)


def item(content: bytes, *, length: int | None = None) -> bytes:
    """Encode an item; undefined length gets its delimiter."""
    stated = len(content) if length is None else length
    end = ITEM_END if stated == UNDEFINED else b""
    return struct.pack("<HHL", 0xFFFE, 0xE000, stated) + content + end


def sequence(tag: int, *items: bytes, undefined: bool = False, vr: str = "SQ") -> bytes:
    """Encode a sequence of encoded items."""
    content = b"".join(items)
    if undefined:
        return element(tag, vr, length=UNDEFINED) + content + SEQUENCE_END
    return element(tag, vr, content)


def nested(depth: int, *, undefined: bool) -> bytes:
    """Encode Content Sequences inside each other."""
    content = b""
    for _ in range(depth):
        length = UNDEFINED if undefined else None
        content = sequence(0x0040A730, item(content, length=length), undefined=undefined)
    return content


def identity(**options) -> bytes:
    """Encode the four UIDs that an instance needs, study and series after SOP UIDs."""
    return b"".join(text(tag, vr, value, **options) for tag, (vr, value) in IDENTITY.items())


def pixel_module(rows: int = 4, columns: int = 4, bits: int = 8) -> bytes:
    """Encode the Image Pixel attributes of a single grey frame."""
    return b"".join(
        (
            element(0x00280002, "US", struct.pack("<H", 1)),
            text(0x00280004, "CS", "MONOCHROME2"),
            element(0x00280010, "US", struct.pack("<H", rows)),
            element(0x00280011, "US", struct.pack("<H", columns)),
            element(0x00280100, "US", struct.pack("<H", bits)),
            element(0x00280101, "US", struct.pack("<H", bits)),
            element(0x00280102, "US", struct.pack("<H", bits - 1)),
            element(0x00280103, "US", struct.pack("<H", 0)),
        )
    )


def fragments(*parts: bytes, offsets: bytes = b"", end: bytes = SEQUENCE_END) -> bytes:
    """Encode encapsulated pixel data."""
    body = b"".join(item(part + b"\0" * (len(part) % 2)) for part in (offsets, *parts))
    return element(0x7FE00010, "OB", length=UNDEFINED) + body + end


def part10(dataset: bytes, transfer_syntax: str | None = EXPLICIT_LITTLE) -> bytes:
    """Put preamble and file meta information in front of an encoded data set."""
    meta = text(0x00020002, "UI", IDENTITY[0x00080016][1])
    if transfer_syntax is not None:
        meta += text(0x00020010, "UI", transfer_syntax)
    group_length = element(0x00020000, "UL", struct.pack("<L", len(meta)))
    return b"\0" * 128 + b"DICM" + group_length + meta + dataset


def deflated(dataset: bytes) -> bytes:
    """Deflate an encoded data set and wrap it as a file."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    stream = engine.compress(dataset) + engine.flush()
    return part10(stream + b"\0" * (len(stream) % 2), "1.2.840.10008.1.2.1.99")
