"""A refused file with other values in it: a copy that says what was changed, when and why."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from archive.dicom.reading import read_dataset
from archive.dicom.writing import write_part10
from archive.errors import InvalidInstanceError
from archive.inbox import values
from archive.inbox.errors import InvalidFieldError, StillRefusedError
from archive.inbox.quarantine.types import MAKE_NEW, MENDABLE, UIDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import BinaryIO

_CHECKS: dict[str, Any] = {
    "PatientName": values.name_of,
    "PatientBirthDate": values.date_of,
    "StudyDate": values.date_of,
    "PatientSex": values.sex_of,
    "Modality": values.code_of,
}


def check_values(wanted: Mapping[str, object]) -> dict[str, str]:
    """Return the values to put in, as DICOM writes them; UIDs that are wanted new are made.

    Raises
    ------
    InvalidFieldError
        A value can't stand there, or may not be mended.
    """
    checked = {}
    for keyword, value in wanted.items():
        if keyword not in MENDABLE:
            raise InvalidFieldError(gettext("This value can't be mended here."), field=keyword)
        if keyword in UIDS:
            is_new = str(value).strip().lower() == MAKE_NEW
            checked[keyword] = str(generate_uid()) if is_new else values.uid_of(value, keyword)
            if not checked[keyword]:
                raise InvalidFieldError(gettext("A UID can't be empty."), field=keyword)
            continue
        limit = 16 if keyword == "AccessionNumber" else 64
        check = _CHECKS.get(keyword)
        checked[keyword] = (
            check(value, keyword) if check else values.text_of(value, keyword, limit=limit)
        )
    return checked


def mended(source: BinaryIO, wanted: Mapping[str, str], *, moment: datetime) -> bytes:
    """Return a copy of a file with other values, and the former ones in it.

    Parameters
    ----------
    source
        the refused file
    wanted
        from `check_values`
    moment
        of the change

    Raises
    ------
    StillRefusedError
        The file can't be read or written.

    References
    ----------
    DICOM PS3.3 C.12.1.1.9 on the Original Attributes Sequence
    """
    try:
        ds = read_dataset(source)
        former = Dataset()
        for keyword, value in wanted.items():
            if keyword in ds:
                # A copy: setting a value changes the element in place.
                former[keyword] = deepcopy(ds[keyword])
            else:
                setattr(former, keyword, None)
            setattr(ds, keyword, value)
        ds.OriginalAttributesSequence = Sequence(
            [*(ds.get("OriginalAttributesSequence") or []), _item(former, moment)]
        )
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        return write_part10(ds)
    except InvalidInstanceError as error:
        raise StillRefusedError(error.message) from error
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        message = "The file's values can't be written anew: it can't be mended here."
        raise StillRefusedError(message) from error


def _item(former: Dataset, moment: datetime) -> Dataset:
    item = Dataset()
    item.AttributeModificationDateTime = moment.strftime("%Y%m%d%H%M%S.%f+0000")
    item.ModifyingSystem = settings.TWINSIGHT_AE_TITLE
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = "CORRECT"
    item.ModifiedAttributesSequence = Sequence([former])
    return item
