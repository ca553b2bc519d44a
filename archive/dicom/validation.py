"""What an instance must have beyond a sound structure to be archived."""

from typing import NamedTuple

from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset

from archive.dicom.elements import ElementReader
from archive.dicom.structure import PIXEL_DATA
from archive.dicom.transfer_syntaxes import GE_PRIVATE_BIG_PIXELS, is_encapsulated, is_video
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidInstanceError

_SOP_INSTANCE_UID = 0x00080018
_SOP_CLASS_UID = 0x00080016
_IDENTITY = {
    _SOP_CLASS_UID: "SOP Class UID",
    0x0020000D: "Study Instance UID",
    0x0020000E: "Series Instance UID",
}
_DIRECTORY_RECORD_SEQUENCE = 0x00041220
_ROWS, _COLUMNS, _BITS_ALLOCATED = 0x00280010, 0x00280011, 0x00280100
_SAMPLES_PER_PIXEL, _PHOTOMETRIC_INTERPRETATION = 0x00280002, 0x00280004
_NUMBER_OF_FRAMES = 0x00280008
# Samples stored for two pixels, where chroma is subsampled in native data (PS3.3 C.7.6.3.1.2).
_SUBSAMPLED = {"YBR_FULL_422": 4, "YBR_PARTIAL_422": 4, "YBR_PARTIAL_420": 3}


class PixelSpan(NamedTuple):
    """The pixel data element as the scan met it."""

    tag: int
    length: int
    is_encapsulated: bool
    fragment_count: int


def check_identity(ds: Dataset) -> None:
    """Refuse an instance that has no usable UIDs.

    Parameters
    ----------
    ds : the header

    Raises
    ------
    InvalidInstanceError
        ``dicomdir``, ``no-sop-instance-uid``, ``missing-attribute`` or ``invalid-uid``.
    """
    reader = ElementReader(ds)
    if _DIRECTORY_RECORD_SEQUENCE in ds:
        raise InvalidInstanceError("This is a DICOMDIR, the index of a medium.", code="dicomdir")
    uid = reader.uid(_SOP_INSTANCE_UID)
    if not uid:
        raise InvalidInstanceError("The file has no SOP Instance UID.", code="no-sop-instance-uid")
    if not is_valid_uid(uid):
        raise InvalidInstanceError("The SOP Instance UID is not a valid UID.", code="invalid-uid")
    for tag, name in _IDENTITY.items():
        uid = reader.uid(tag)
        if not uid:
            raise InvalidInstanceError(f"The file has no {name}.", code="missing-attribute")
        if not is_valid_uid(uid):
            raise InvalidInstanceError(f"The {name} is not a valid UID.", code="invalid-uid")


def check_transfer_syntax(transfer_syntax_uid: str) -> None:
    """Refuse what nobody could ever read again.

    Parameters
    ----------
    transfer_syntax_uid : as the file meta information states it

    Raises
    ------
    InvalidInstanceError
        ``transfer-syntax-not-supported``: it is none of PS3.6, or its pixels lie elsewhere.
    """
    name, kind = UID_dictionary.get(transfer_syntax_uid, ("", ""))[:2]
    is_known = kind == "Transfer Syntax" or transfer_syntax_uid == GE_PRIVATE_BIG_PIXELS
    # The pixels of a JPIP syntax lie at an address: nothing is ever fetched from there.
    if not is_known or "JPIP" in name:
        message = f"Its transfer syntax {transfer_syntax_uid[:64]} is not supported."
        raise InvalidInstanceError(message, code="transfer-syntax-not-supported")


def check_sop_class(ds: Dataset) -> None:
    """Refuse what is no stored object; private SOP classes are for those who know them.

    Parameters
    ----------
    ds : the header, with a SOP Class UID

    Raises
    ------
    InvalidInstanceError
        ``sop-class-not-supported``: PS3.6 has it as something else.
    """
    uid = ElementReader(ds).uid(_SOP_CLASS_UID)
    name, kind = UID_dictionary.get(uid, ("", ""))[:2]
    if kind and (kind != "SOP Class" or not _is_stored(name)):
        message = f"Its SOP class {name} is of a service, not of a stored object."
        raise InvalidInstanceError(message, code="sop-class-not-supported")


def _is_stored(name: str) -> bool:
    """Tell by its name, as PS3.6 has it; retired ones without a name stand for images."""
    return not name or ("Storage" in name and "Commitment" not in name)


def check_pixel_data(ds: Dataset, span: PixelSpan | None, transfer_syntax_uid: str) -> None:
    """Refuse an instance whose pixel data can't be what its header announces.

    Parameters
    ----------
    ds : the header
    span : where the pixel data lies, None for an instance without
    transfer_syntax_uid : as the file meta information states it

    Raises
    ------
    InvalidInstanceError
        ``missing-attribute``, ``truncated`` or ``malformed``.

    References
    ----------
    DICOM PS3.5 section 8 and A.4
    """
    if span is None or (span.length == 0 and not span.is_encapsulated):
        return
    reader = ElementReader(ds)
    for tag, name in ((_ROWS, "Rows"), (_COLUMNS, "Columns"), (_BITS_ALLOCATED, "Bits Allocated")):
        if not reader.integer(tag):
            raise InvalidInstanceError(
                f"The file has pixel data but no {name}.", code="missing-attribute"
            )
    if span.is_encapsulated:
        _check_fragments(reader, span, transfer_syntax_uid)
    elif span.tag == PIXEL_DATA and is_encapsulated(transfer_syntax_uid):
        raise InvalidInstanceError(
            "The transfer syntax is a compressed one but the pixel data is not encapsulated.",
            code="malformed",
        )
    elif span.length < expected_native_bytes(reader):
        raise InvalidInstanceError(
            f"The pixel data has {span.length} bytes where its header announces "
            f"{expected_native_bytes(reader)}.",
            code="truncated",
        )


def expected_native_bytes(reader: ElementReader) -> int:
    """Compute how many bytes native pixel data takes by its header.

    Parameters
    ----------
    reader : over the header

    Returns
    -------
    Rows x columns x samples x frames x bits allocated, as whole bytes, without padding.
    """
    pixels = (
        (reader.integer(_ROWS) or 0)
        * (reader.integer(_COLUMNS) or 0)
        * max(reader.integer(_NUMBER_OF_FRAMES) or 1, 1)
    )
    samples = max(reader.integer(_SAMPLES_PER_PIXEL) or 1, 1)
    photometric = reader.code(_PHOTOMETRIC_INTERPRETATION)
    halves = _SUBSAMPLED.get(photometric, 2 * samples) if samples == 3 else 2 * samples
    bits = pixels * halves * (reader.integer(_BITS_ALLOCATED) or 0)
    return (bits + 15) // 16


def _check_fragments(reader: ElementReader, span: PixelSpan, transfer_syntax_uid: str) -> None:
    if not is_encapsulated(transfer_syntax_uid):
        raise InvalidInstanceError(
            "The pixel data is encapsulated but the transfer syntax is an uncompressed one.",
            code="malformed",
        )
    frames = max(reader.integer(_NUMBER_OF_FRAMES) or 1, 1)
    needed = 1 if is_video(transfer_syntax_uid) else frames
    if span.fragment_count < needed:
        raise InvalidInstanceError(
            f"The pixel data has {span.fragment_count} fragments for {frames} frames.",
            code="truncated",
        )
