"""Part 10 files put together from a data set and values that lie elsewhere, piece by piece."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE, is_encapsulated
from archive.errors import InvalidInstanceError

_PIXEL_DATA = 0x7FE00010
_LONG_VRS = frozenset(
    ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"]
)
_ITEM, _END_OF_SEQUENCE = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_UNDEFINED, _MAX_LENGTH = b"\xff\xff\xff\xff", 0xFFFFFFFE


@dataclass(frozen=True)
class BulkValue:
    """A value of known size, read in chunks when it is its turn."""

    size_bytes: int
    chunks: Iterable[bytes]


def part10_chunks(
    ds: Dataset,
    bulk: Mapping[int, tuple[str, Sequence[BulkValue]]],
    transfer_syntax_uid: str = EXPLICIT_LITTLE,
) -> Iterator[bytes]:
    """Write a file in order, whatever the size of its bulk values.

    Parameters
    ----------
    ds : everything but the bulk values, text in UTF-8
    bulk : tag of the top level to VR and value; of compressed pixel data one value a frame
    transfer_syntax_uid : of the pixel data; the elements are explicit VR little endian in each

    Yields
    ------
    The file's bytes

    Raises
    ------
    InvalidInstanceError
        ``not-encodable``: a value fits its VR in no way, or is too long for it.
    """
    yield _head(ds, transfer_syntax_uid)
    tags = sorted(int(tag) for tag in ds.keys())  # noqa: SIM118 a data set gives its elements
    for tag in [*sorted(bulk), None]:
        before = [one for one in tags if tag is None or one < tag]
        tags = tags[len(before) :]
        yield _encoded(ds, before)
        if tag is not None:
            vr, values = bulk[tag]
            is_compressed = tag == _PIXEL_DATA and is_encapsulated(transfer_syntax_uid)
            yield from (_fragments if is_compressed else _plain)(tag, vr, values)


def _head(ds: Dataset, transfer_syntax_uid: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(str(ds.get("SOPClassUID", "")))
    meta.MediaStorageSOPInstanceUID = UID(str(ds.get("SOPInstanceUID", "")))
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    meta.FileMetaInformationVersion = b"\x00\x01"
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=False)
    return bytes(128) + b"DICM" + buffer.getvalue()


def _encoded(ds: Dataset, tags: Sequence[int]) -> bytes:
    if not tags:
        return b""
    part = Dataset()
    for tag in tags:
        part.add(ds[tag])
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    try:
        write_dataset(buffer, part, parent_encoding="utf8")
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, LookupError) as error:
        message = "A value of the data set can't be encoded."
        raise InvalidInstanceError(message, code="not-encodable") from error
    return buffer.getvalue()


def _plain(tag: int, vr: str, values: Sequence[BulkValue]) -> Iterator[bytes]:
    size = sum(value.size_bytes for value in values)
    padding = size % 2
    if size + padding > (_MAX_LENGTH if vr in _LONG_VRS else 0xFFFE):
        raise InvalidInstanceError("A value is too long for its VR.", code="not-encodable")
    yield _element_head(tag, vr, size + padding)
    for value in values:
        yield from value.chunks
    yield bytes(padding)


def _fragments(tag: int, _vr: str, values: Sequence[BulkValue]) -> Iterator[bytes]:
    """Encapsulate frames, one fragment each, behind an empty offset table (PS3.5 A.4)."""
    yield _element_head(tag, "OB", None) + _ITEM + bytes(4)
    for value in values:
        padding = value.size_bytes % 2
        if value.size_bytes + padding > _MAX_LENGTH:
            raise InvalidInstanceError("A frame is too long.", code="not-encodable")
        yield _ITEM + (value.size_bytes + padding).to_bytes(4, "little")
        yield from value.chunks
        yield bytes(padding)
    yield _END_OF_SEQUENCE + bytes(4)


def _element_head(tag: int, vr: str, size: int | None) -> bytes:
    start = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode()
    if vr not in _LONG_VRS and size is not None:
        return start + size.to_bytes(2, "little")
    return start + bytes(2) + (_UNDEFINED if size is None else size.to_bytes(4, "little"))
