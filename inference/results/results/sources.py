"""The source images' headers, made fit for an object that refers to them."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from pydicom import Dataset

from inference.errors import ResultEncodingError
from inference.results.types import ResultIdentity
from inference.results.uids import result_uid

CHARACTER_SET = "ISO_IR 192"

_REQUIRED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
# Carried over where present: PS3.3 C.2.2, C.7.1.1, C.7.2.1 and C.7.2.2.
_OPTIONAL = (
    "IssuerOfPatientID",
    "OtherPatientIDs",
    "PatientComments",
    "EthnicGroup",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "TimezoneOffsetFromUTC",
)
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "OverlayData")
_DATE = re.compile(r"(?:\d{8})?")
_OFFSET = re.compile(r"([+-])(\d{2})([0-5]\d)")
_TIME = re.compile(r"(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?)?")


def prepared_sources(datasets: Sequence[Dataset]) -> list[Dataset]:
    """Copy the sources' headers with what highdicom needs of them.

    Parameters
    ----------
    datasets : images of one series

    Returns
    -------
    copies without pixel data: names as plain text, so that they can be written in UTF-8; absent
    or malformed patient and study attributes empty; a frame of reference in each

    Raises
    ------
    ResultEncodingError
        There are no images, or one lacks its UIDs.
    """
    if not datasets:
        raise ResultEncodingError("A result needs the images it was computed from.")
    return [_prepared(ds) for ds in datasets]


def _prepared(ds: Dataset) -> Dataset:
    missing = [keyword for keyword in _REQUIRED if not ds.get(keyword)]
    if missing:
        raise ResultEncodingError(f"A source image lacks {missing[0]}.")
    copy = Dataset()
    if getattr(ds, "file_meta", None) is not None:
        copy.file_meta = ds.file_meta
    # Elements are shared with the original, so those that get another value must not be.
    replaced = {*_PIXEL_KEYWORDS, *_TYPE_2, "SpecificCharacterSet"}
    for element in ds:
        if element.keyword not in replaced:
            copy.add(element)
    for keyword in _TYPE_2:
        setattr(copy, keyword, _clean(keyword, ds.get(keyword)))
    copy.SpecificCharacterSet = CHARACTER_SET
    if not ds.get("FrameOfReferenceUID"):
        copy.FrameOfReferenceUID = result_uid(ds.SeriesInstanceUID, "frame-of-reference")
    return copy


def _clean(keyword: str, value: object) -> str:
    text = "" if value is None else str(value)
    if keyword.endswith("Date"):
        return text if _DATE.fullmatch(text) else ""
    if keyword.endswith("Time"):
        return text if _TIME.fullmatch(text) else ""
    if keyword == "PatientSex":
        return text if text in {"M", "F", "O"} else ""
    return text


def finish_result(result: Dataset, source: Dataset, identity: ResultIdentity) -> Dataset:
    """Set what highdicom takes from the clock, or leaves out, on a new object.

    Parameters
    ----------
    result : object of highdicom
    source : one of `prepared_sources`
    identity : the object's identity

    Returns
    -------
    the same object, changed
    """
    result.SpecificCharacterSet = CHARACTER_SET
    date, time = date_and_time(identity.timestamp, source)
    for stem in ("InstanceCreation", "Series", "Content"):
        setattr(result, f"{stem}Date", date)
        setattr(result, f"{stem}Time", time)
    for item in result.get("ContributingEquipmentSequence", []):
        item.ContributionDateTime = date + time
    for keyword in _OPTIONAL:
        if source.get(keyword) not in (None, "") and keyword not in result:
            setattr(result, keyword, source.get(keyword))
    if identity.series_description:
        result.SeriesDescription = identity.series_description[:64]
    return result


def date_and_time(stamp: datetime, ds: Dataset) -> tuple[str, str]:
    """Return a moment as DICOM writes it in an object.

    Parameters
    ----------
    stamp : with its time zone
    ds : the object, whose *Timezone Offset From UTC* says in which zone its times are

    Returns
    -------
    date and time, in UTC where the object names no zone

    References
    ----------
    DICOM PS3.3 C.12.1.1.8
    """
    offset = _OFFSET.fullmatch(str(ds.get("TimezoneOffsetFromUTC") or "").strip())
    if offset and stamp.tzinfo is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        stamp = stamp.astimezone(timezone(timedelta(minutes=int(f"{offset[1]}{minutes}"))))
    return stamp.strftime("%Y%m%d"), stamp.strftime("%H%M%S.%f")
