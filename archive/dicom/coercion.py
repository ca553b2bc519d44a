"""Identifiers that can't be served as they came, and the data set with what is served instead.

An identifier with control characters in it can't be asked for: the archive knows it without them.
What it sends says so, too, and keeps the value as it came in the Original Attributes Sequence.
"""

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

# Keyword to tag and the field of the index that holds what is served.
COERCED = {
    "AccessionNumber": 0x00080050,
    "PatientID": 0x00100020,
    "IssuerOfPatientID": 0x00100021,
    "StudyID": 0x00200010,
}
Coerced = Mapping[str, Collection[str]]


def coerced_values(
    ds: Dataset, cleaned: Collection[str], served: Mapping[str, str]
) -> dict[str, list[str]]:
    """Say which identifiers are served otherwise than they came.

    Parameters
    ----------
    ds : the header, its elements still raw
    cleaned : keywords of elements whose value was cleaned for the index
    served : keyword to the value in the index

    Returns
    -------
    Keyword to the bytes as they came, in hexadecimal, and the value that is served.
    """
    return {
        keyword: [_raw(ds, tag).hex(), served.get(keyword, "")]
        for keyword, tag in COERCED.items()
        if keyword in cleaned and tag in ds
    }


def with_coerced(ds: Dataset, coerced: Coerced, moment: datetime.datetime, system: str) -> Dataset:
    """Put in the values that are served, and say what they were.

    Parameters
    ----------
    ds : as stored; it is changed
    coerced : from `coerced_values`
    moment : when they were coerced
    system : who did

    Returns
    -------
    The same data set

    References
    ----------
    DICOM PS3.3 C.12.1.1.9, PS3.5 6.4 on nonconforming values
    """
    if not coerced:
        return ds
    previous, nonconforming = Dataset(), []
    for keyword, (original, value) in coerced.items():
        tag = COERCED[keyword]
        _set(ds, tag, value)
        _set(previous, tag, "")
        nonconforming.append(_nonconforming(tag, bytes.fromhex(original)))
    item = Dataset()
    item.AttributeModificationDateTime = moment.strftime("%Y%m%d%H%M%S.%f+0000")
    item.ModifyingSystem = system
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = "COERCE"
    item.ModifiedAttributesSequence = Sequence([previous])
    item.NonconformingModifiedAttributesSequence = Sequence(nonconforming)
    ds.OriginalAttributesSequence = Sequence([*(ds.get("OriginalAttributesSequence") or []), item])
    return ds


def _nonconforming(tag: int, original: bytes) -> Dataset:
    item = Dataset()
    item.SelectorAttribute = tag
    item.SelectorValueNumber = 0
    item.NonconformingDataElementValue = original + bytes(len(original) % 2)
    return item


def _set(ds: Dataset, tag: int, value: str) -> None:
    ds[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)


def _raw(ds: Dataset, tag: int) -> bytes:
    element: Any = ds.get_item(tag)
    if isinstance(element, RawDataElement):
        return bytes(element.value or b"")
    return str(element.value or "").encode("utf-8", "replace")
