"""The front of a file: preamble, file meta information, and how the data set behind is laid out."""

from dataclasses import dataclass

from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import BaseTag

from archive.dicom.structure import UNDEFINED_LENGTH, Buffer, element_header
from archive.dicom.transfer_syntaxes import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    EXPLICIT_LITTLE_LAYOUT,
    IMPLICIT_LITTLE,
    Layout,
    layout_of,
)
from archive.dicom.uids import is_valid_uid, strip_uid_padding
from archive.errors import InvalidInstanceError

_PREFIX_OFFSET = 128
_DATASET_MAGIC_GROUPS = (0x0002, 0x0008)
_TRANSFER_SYNTAX_UID = 0x00020010
_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
_GROUP_LENGTH = 0x00020000
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What stands in front of the data set."""

    ds: FileMetaDataset
    preamble: bytes | None
    transfer_syntax_uid: str
    dataset_offset: int


def read_file_meta(buffer: Buffer, *, takes_directories: bool = False) -> FileMeta:
    """Read preamble and file meta information, both of which may be missing.

    Parameters
    ----------
    buffer : the whole file
    takes_directories : let the index of a medium pass

    Returns
    -------
    The meta information; a missing transfer syntax is concluded from the first element.

    Raises
    ------
    InvalidInstanceError
        ``not-dicom``, ``dicomdir``, ``truncated`` or ``malformed``.

    References
    ----------
    DICOM PS3.10 section 7.1
    """
    end = len(buffer)
    has_prefix = buffer[_PREFIX_OFFSET : _PREFIX_OFFSET + 4] == b"DICM"
    if not has_prefix and not _begins_like_dataset(buffer, end):
        raise InvalidInstanceError("This is not a DICOM file.", code="not-dicom")
    start = _PREFIX_OFFSET + 4 if has_prefix else 0
    elements, offset = _meta_elements(buffer, start, end)
    ds = FileMetaDataset()
    ds._dict.update(elements)  # noqa: SLF001 raw elements, decoded on access
    ds.set_original_encoding(is_implicit_vr=False, is_little_endian=True)
    is_directory = _uid(elements, _MEDIA_STORAGE_SOP_CLASS_UID) == _MEDIA_STORAGE_DIRECTORY
    if is_directory and not takes_directories:
        raise InvalidInstanceError(
            "This is a DICOMDIR, the index of a medium; its images are files of their own.",
            code="dicomdir",
        )
    stated = _uid(elements, _TRANSFER_SYNTAX_UID)
    if stated and not is_valid_uid(stated):
        raise InvalidInstanceError("The transfer syntax is not a valid UID.", code="malformed")
    return FileMeta(
        ds=ds,
        preamble=buffer[:_PREFIX_OFFSET] if has_prefix else None,
        transfer_syntax_uid=stated or _assumed_syntax(find_layout(buffer, offset)),
        dataset_offset=offset,
    )


def find_layout(buffer: Buffer, position: int, transfer_syntax_uid: str = "") -> Layout:
    """Tell VR encoding and byte order from the first element of a data set.

    Files that were converted carelessly state one transfer syntax and follow another; what stands
    there decides, as it does for every common reader.

    Parameters
    ----------
    buffer : the bytes that hold the data set
    position : offset of its first element
    transfer_syntax_uid : as stated, empty if unknown; settles the byte order of odd groups

    Returns
    -------
    Explicit where two capital letters stand in the place of the VR, and big endian where only
    that gives a group number below 0x0100.
    """
    head = buffer[position : position + 6]
    if len(head) < 6:
        return EXPLICIT_LITTLE_LAYOUT
    is_explicit = 0x41 <= head[4] <= 0x5A and 0x41 <= head[5] <= 0x5A
    little, big = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    if (little < 0x0100) != (big < 0x0100):
        is_little = little < 0x0100
    else:
        is_little = transfer_syntax_uid != EXPLICIT_BIG
    return layout_of(is_implicit=not is_explicit, is_little=is_little)


def _begins_like_dataset(buffer: Buffer, end: int) -> bool:
    """Recognise a data set or file meta information without preamble by its first element."""
    if end < 16:
        return False
    layout = find_layout(buffer, 0)
    tag, vr, value_start, length, was_implicit = element_header(buffer, 0, end, layout)
    if tag >> 16 not in _DATASET_MAGIC_GROUPS or tag & 0xFFFF > 0x0100:
        return False
    if not was_implicit and vr not in {"UL", "OB", "UI", "CS", "SH", "DA", "TM", "LO", "DT", "SQ"}:
        return False
    return length == UNDEFINED_LENGTH or value_start + length <= end


def _meta_elements(
    buffer: Buffer, start: int, end: int
) -> tuple[dict[BaseTag, RawDataElement], int]:
    """Collect the elements of group 2; return them and the offset behind them."""
    elements: dict[BaseTag, RawDataElement] = {}
    position, stated_end = start, None
    while position != stated_end and buffer[position : position + 2] == b"\x02\0":
        tag, vr, value_start, length, was_implicit = element_header(
            buffer, position, end, EXPLICIT_LITTLE_LAYOUT
        )
        stop = value_start + length
        if stop > end:
            raise InvalidInstanceError(
                "The file ends inside its meta information.", code="truncated"
            )
        value = buffer[value_start:stop]
        if tag == _GROUP_LENGTH and length == 4:
            stated_end = stop + int.from_bytes(value, "little")
        key = BaseTag(tag)
        elements[key] = RawDataElement(key, vr, length, value, value_start, was_implicit, True)  # noqa: FBT003 pydicom's own tuple
        position = stop
    return elements, position


def _uid(elements: dict[BaseTag, RawDataElement], tag: int) -> str:
    element = elements.get(BaseTag(tag))
    if element is None or element.value is None:
        return ""
    return strip_uid_padding(element.value.decode("latin-1"))


def _assumed_syntax(layout: Layout) -> str:
    if layout.is_implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if layout.is_little else EXPLICIT_BIG
