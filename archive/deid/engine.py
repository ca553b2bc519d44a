"""One engine for every profile: a data set in, a new one without identity out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from archive.deid.holding import find_warnings
from archive.deid.identifiers import (
    FREE_TEXT_VRS,
    UNREADABLE,
    holds_number,
    holds_word,
    identifying_words,
    readable_elements,
)
from archive.deid.moments import shift_date, shift_datetime, shift_time
from archive.deid.pixels import strip_hidden_bits
from archive.deid.profiles import NEVER_SHIFTED
from archive.deid.safe_private import SAFE_PRIVATE, SAFE_PRIVATE_VRS
from archive.deid.types import Action, DatePolicy, Deidentified
from archive.deid.unlisted import is_local_code, unlisted_action
from archive.dicom.transcoding import as_explicit_little_endian
from archive.errors import InvalidInstanceError, PixelDecodingError

if TYPE_CHECKING:
    from datetime import timedelta

    from archive.deid.pseudonyms import Pseudonyms
    from archive.deid.types import MethodCode, Profile

_MOMENTS = frozenset({"DA", "DT", "TM"})
# Groups that the table closes as a whole: curves and overlays.
_CLOSED_GROUPS = (range(0x5000, 0x5100), range(0x6000, 0x6100))
_DUMMIES: dict[str, Any] = {
    "AE": "NONE",
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "PN": "Anonymous",
    "TM": "000000",
    "UR": "urn:none",
}
_DUMMY_TEXT = "REMOVED"
# Whole documents and texts: a dummy would be a lie, and their objects are refused elsewhere.
_NEVER_DUMMY = frozenset({"ContentSequence", "EncapsulatedDocument", "GraphicAnnotationSequence"})
_OLDEST = 90


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
        words = identifying_words(ds)
        made = _Cleaning(profile, pseudonyms, offset, words).cleaned(ds)
        name = label or pseudonyms.code(subject)
        made.PatientID, made.PatientName = name, name
        _mark(made, profile)
        strip_hidden_bits(made, ds)
        made.file_meta = _file_meta(made, ds)
    except UNREADABLE as error:
        raise InvalidInstanceError("The instance can't be de-identified.") from error
    made.preamble = bytes(128)
    made.set_original_encoding(*_encoding(ds), "utf-8")
    return Deidentified(made, find_warnings(ds))


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


class _Cleaning:
    """One data set's way through the profile, its sequences included."""

    def __init__(
        self,
        profile: Profile,
        pseudonyms: Pseudonyms,
        offset: timedelta | None,
        words: frozenset[str],
    ) -> None:
        self._profile = profile
        self._pseudonyms = pseudonyms
        self._offset = offset
        self._words = words

    def cleaned(self, ds: Dataset) -> Dataset:
        made = Dataset()
        for element in readable_elements(ds):
            kept = self._element(element, ds)
            if kept is not None:
                made.add(kept)
        if self._profile.keeps_safe_private:
            self._add_safe_private(ds, made)
        # The texts that are left are written anew.
        if "SpecificCharacterSet" in made:
            made.SpecificCharacterSet = "ISO_IR 192"
        return made

    def _element(self, element: DataElement, ds: Dataset) -> DataElement | None:
        keyword = keyword_for_tag(element.tag)
        action = self._action(element, keyword)
        if action is Action.KEEP:
            return self._kept(element, keyword, ds)
        if action is Action.REPLACE_UID:
            return self._with_new_uids(element)
        if action is Action.SHIFT:
            return _valued(element, self._shifted(element, keyword, ds))
        if action is Action.ZERO:
            return _valued(element, [] if element.VR == "SQ" else None)
        if action is Action.DUMMY:
            return self._dummy(element, keyword)
        return None

    def _action(self, element: DataElement, keyword: str) -> Action:
        if element.tag.is_private or element.tag.element == 0:
            return Action.REMOVE
        if any(element.tag.group in closed for closed in _CLOSED_GROUPS):
            return Action.REMOVE
        listed = self._profile.actions.get(keyword)
        is_moment = element.VR in _MOMENTS and keyword not in NEVER_SHIFTED
        if is_moment and self._offset is not None:
            return Action.SHIFT
        if listed is not None:
            return listed.resolved
        return unlisted_action(keyword, element.VR, element.value)

    def _kept(self, element: DataElement, keyword: str, ds: Dataset) -> DataElement:
        if element.VR == "SQ":
            return self._recursed(element)
        is_local = is_local_code(keyword, str(ds.get("CodingSchemeDesignator", "")))
        if is_local or (element.VR in FREE_TEXT_VRS and holds_word(element.value, self._words)):
            return _valued(element, _DUMMY_TEXT)
        if element.VR == "IS" and holds_number(element.value, self._words):
            return _valued(element, None)
        if keyword == "PatientAge":
            return _valued(element, _capped_age(str(element.value or "")))
        return _valued(element, element.value)

    def _recursed(self, element: DataElement) -> DataElement:
        return _valued(element, [self.cleaned(item) for item in element.value or []])

    def _with_new_uids(self, element: DataElement) -> DataElement:
        if element.VR == "SQ":
            return self._recursed(element)
        if not element.value:
            return _valued(element, None)
        if isinstance(element.value, str):
            return _valued(element, self._pseudonyms.uid(element.value))
        return _valued(element, [self._pseudonyms.uid(str(uid)) for uid in element.value])

    def _dummy(self, element: DataElement, keyword: str) -> DataElement | None:
        if keyword in _NEVER_DUMMY:
            return None
        if element.VR == "SQ":
            return self._recursed(element)
        if element.VR == "UI":
            return self._with_new_uids(element)
        if element.VR in {"OB", "UN"}:
            return None
        return _valued(element, _DUMMIES.get(element.VR, _DUMMY_TEXT))

    def _shifted(self, element: DataElement, keyword: str, ds: Dataset) -> str | list[str] | None:
        values = _texts(element.value)
        if not values or self._offset is None:
            return None
        offset = self._offset
        if element.VR == "DT":
            moved = [shift_datetime(one, offset) for one in values]
        elif element.VR == "DA":
            times = _partner(ds, keyword, "Date", "Time", len(values))
            moved = [shift_date(a, b, offset) for a, b in zip(values, times, strict=True)]
        else:
            dates = _partner(ds, keyword, "Time", "Date", len(values))
            moved = [shift_time(a, b, offset) for a, b in zip(values, dates, strict=True)]
        return moved[0] if len(moved) == 1 else moved

    def _add_safe_private(self, ds: Dataset, made: Dataset) -> None:
        for (group, creator), numbers in SAFE_PRIVATE.items():
            try:
                block = ds.private_block(group, creator)
            except KeyError:
                continue
            for number in sorted(numbers):
                if number not in block:
                    continue
                element = block[number]
                if element.VR in SAFE_PRIVATE_VRS:
                    made.private_block(group, creator, create=True).add_new(
                        number, element.VR, element.value
                    )


def _valued(element: DataElement, value: Any) -> DataElement:
    if element.VR == "SQ":
        value = Sequence(value or [])
    return DataElement(element.tag, element.VR, value)


def _texts(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    return [str(getattr(one, "original_string", one)) for one in values]


def _partner(ds: Dataset, keyword: str, own: str, other: str, count: int) -> list[str]:
    """Return the dates that belong to times, or the other way round, as far as there are any."""
    name = keyword.replace(own, other) if own in keyword else ""
    found = _texts(ds.get(name)) if name and name != keyword else []
    return found if len(found) == count else [""] * count


def _capped_age(age: str) -> str:
    """Return an age of 90 years and more as 90: so few are that old that it tells who they are."""
    digits, unit = age[:3], age[3:]
    if not digits.isdecimal() or unit not in {"D", "W", "M", "Y"}:
        return ""
    return "090Y" if unit == "Y" and int(digits) >= _OLDEST else age


def _mark(made: Dataset, profile: Profile) -> None:
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = profile.name[:64]
    made.DeidentificationMethodCodeSequence = Sequence([_code(code) for code in profile.codes])
    is_shifted = profile.dates is DatePolicy.SHIFT
    made.LongitudinalTemporalInformationModified = "MODIFIED" if is_shifted else "REMOVED"


def _code(code: MethodCode) -> Dataset:
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = code.meaning[:64]
    return item


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
