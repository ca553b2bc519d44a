"""One engine for every profile: a data set in, a new one without identity out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset, FileMetaDataset

from archive.deid.cleaning import Cleaning
from archive.deid.hidden_bits import strip_hidden_bits
from archive.deid.holding import find_warnings
from archive.deid.identifiers import UNREADABLE, identifying_values, identifying_words
from archive.deid.profiles import add_method
from archive.deid.types import DatePolicy, Deidentified, Option
from archive.dicom.transcoding import as_explicit_little_endian
from archive.errors import InvalidInstanceError, PixelDecodingError

if TYPE_CHECKING:
    from archive.deid.pseudonyms import Pseudonyms
    from archive.deid.types import Profile


def deidentify(
    ds: Dataset,
    profile: Profile,
    pseudonyms: Pseudonyms,
    *,
    subject: str,
    label: str = "",
) -> Deidentified:
    """Make a new data set without identity; the given one is not changed.

    Nothing is carried over but what the profile's table or the rules for what it does not name
    let through, so that what neither knows can't leak.

    Parameters
    ----------
    ds
        as `archive.dicom.reading.read_dataset` gives it, with ``file_meta``
    profile
        what happens to which attribute
    pseudonyms
        of the set that this data set leaves in; UIDs stay consistent inside it
    subject
        what tells the patient from others; it goes into pseudonyms alone
    label
        name and ID that the patient gets, by default out of the pseudonyms

    Returns
    -------
    the data set in its old transfer syntax, and warnings

    Raises
    ------
    InvalidInstanceError
        Its values are not what they should be.

    References
    ----------
    DICOM PS3.15 E.1.1, E.2; PS3.3 C.7.1.1, C.12.1.1.1
    """
    offset = pseudonyms.offset(subject) if profile.dates is DatePolicy.SHIFT else None
    try:
        words, places = identifying_words(ds), identifying_values(ds)
        cleaning = Cleaning(profile, pseudonyms, offset, words, places)
        made = cleaning.cleaned(ds)
        name = label or pseudonyms.code(subject)
        made.PatientID, made.PatientName = name, name
        _mark(made, profile)
        strip_hidden_bits(made, ds)
        made.file_meta = _file_meta(made, ds)
    except UNREADABLE as error:
        raise InvalidInstanceError("The instance can't be de-identified.") from error
    made.preamble = bytes(128)
    made.set_original_encoding(*_encoding(ds), "utf-8")
    removed = frozenset(cleaning.removed)
    return Deidentified(made, find_warnings(ds), dict(cleaning.changes), removed)


def write_deidentified(made: Deidentified) -> bytes:
    """Write the data set as a Part 10 file, its pixels decoded.

    Compressed streams have comments and application data of their own: decoding leaves them
    behind.

    Parameters
    ----------
    made
        used up by this call

    Returns
    -------
    preamble of zeros, new file meta information, Explicit VR Little Endian

    Raises
    ------
    PixelDecodingError
        The pixels can't be decoded, or the data set can't be written.
    """
    content = as_explicit_little_endian(made.ds)
    if content[:128] != bytes(128):
        raise PixelDecodingError("The file's preamble is not empty.", code="not-transcodable")
    return content


def _mark(made: Dataset, profile: Profile) -> None:
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = profile.name[:64]
    for code in profile.codes:
        add_method(made, code)
    is_shifted = profile.dates is DatePolicy.SHIFT
    what = "UNMODIFIED" if Option.FULL_DATES in profile.options else "REMOVED"
    made.LongitudinalTemporalInformationModified = "MODIFIED" if is_shifted else what


def _file_meta(made: Dataset, ds: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "")
    # Old files come without: how they are laid out is known from their encoding.
    if "TransferSyntaxUID" in ds.file_meta:
        meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    return meta


def _encoding(ds: Dataset) -> tuple[bool, bool]:
    is_implicit, is_little = ds.original_encoding
    return bool(is_implicit), is_little is not False
