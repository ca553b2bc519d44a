"""One data set's way through a profile, its sequences included."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.content_items import OLDEST, cap_age, concepts_of, is_left_out
from archive.deid.identifiers import (
    FREE_TEXT_VRS,
    holds_number,
    holds_value,
    holds_word,
    readable_elements,
)
from archive.deid.moments import NO_DATE, NO_TIME, shift_date, shift_datetime, shift_time
from archive.deid.options import NEVER_KEPT_MOMENTS, UIDS_NEVER_KEPT
from archive.deid.safe_private import SAFE_PRIVATE, is_safe_private
from archive.deid.safe_words import safe_words
from archive.deid.shifted_moments import CONTENT_MOMENTS, SHIFTED_CONCEPTS, SHIFTED_MOMENTS
from archive.deid.types import Action, Option
from archive.deid.unlisted import NEEDED_TEXTS, is_local_code, unlisted_action

if TYPE_CHECKING:
    from datetime import timedelta

    from archive.deid.pseudonyms import Pseudonyms
    from archive.deid.types import Profile

_MOMENTS = frozenset({"DA", "DT", "TM"})
# Groups that the table closes as a whole: curves and overlays.
_CLOSED_GROUPS = (range(0x5000, 0x5100), range(0x6000, 0x6100))
_DUMMIES: dict[str, Any] = {
    "AE": "NONE",
    "AS": "000Y",
    "DA": NO_DATE,
    "DT": NO_DATE + NO_TIME,
    "PN": "Anonymous",
    "TM": NO_TIME,
    "UR": "urn:none",
}
_DUMMY_TEXT = "REMOVED"
# Whole documents and texts: a dummy would be a lie, and their objects are refused elsewhere.
_NEVER_DUMMY = frozenset({"ContentSequence", "EncapsulatedDocument", "GraphicAnnotationSequence"})
# Codes that say how pixels and trees of content are read: whoever bears such a name keeps them.
_TECHNICAL_CODES = frozenset(
    {
        "ContinuityOfContent", "GraphicType", "ImageType", "LossyImageCompressionMethod",
        "Modality", "RelationshipType", "ValueType",
    }
)  # fmt: skip
_TECHNICAL_GROUP = 0x0028


class Cleaning:
    """One data set's way through a profile; it counts what it does.

    Parameters
    ----------
    profile
        what happens to which attribute
    pseudonyms
        of the set that the data set leaves in
    offset
        of the patient's dates; None where they are not moved
    words
        that name somebody
    values
        that name a place
    """

    def __init__(
        self,
        profile: Profile,
        pseudonyms: Pseudonyms,
        offset: timedelta | None,
        words: frozenset[str],
        values: frozenset[str] = frozenset(),
    ) -> None:
        self._profile = profile
        self._pseudonyms = pseudonyms
        self._offset = offset
        self._words = words
        self._values = values
        self.changes: Counter[str] = Counter()
        self.removed: set[str] = set()

    def cleaned(self, ds: Dataset) -> Dataset:
        """Return what the profile lets through, and of sequences the same."""
        made = Dataset()
        for element in readable_elements(ds):
            kept = self._element(element, ds)
            if kept is not None:
                made.add(kept)
        if Option.SAFE_PRIVATE in self._profile.options:
            self._add_safe_private(ds, made)
        # The texts that are left are written anew.
        if "SpecificCharacterSet" in made:
            made.SpecificCharacterSet = "ISO_IR 192"
        return made

    def _element(self, element: DataElement, ds: Dataset) -> DataElement | None:
        keyword = keyword_for_tag(element.tag)
        action = self._action(element, keyword, ds)
        made = self._made(action, element, keyword, ds)
        self._count(action, element, keyword, made)
        return made

    def _made(
        self, action: Action, element: DataElement, keyword: str, ds: Dataset
    ) -> DataElement | None:
        if action is Action.KEEP:
            return self._kept(element, keyword, ds)
        if action is Action.REPLACE_UID:
            return self._with_new_uids(element)
        if action is Action.SHIFT:
            return _valued(element, self._shifted(element, keyword, ds))
        if action is Action.SAFE_WORDS:
            return _valued(element, self._in_safe_words(element.value) or _stand_in(keyword))
        if action is Action.ZERO:
            return _valued(element, [] if element.VR == "SQ" else None)
        return self._dummy(element, keyword) if action is Action.DUMMY else None

    def _count(
        self, action: Action, element: DataElement, keyword: str, made: DataElement | None
    ) -> None:
        if made is not None and (action is Action.KEEP or element.is_empty):
            return
        if made is None:
            self.changes[_kind_of_removed(element)] += 1
        elif made.is_empty:
            self.changes["emptied"] += 1
        else:
            self.changes[_CHANGES[action]] += 1
        if (made is None or made.is_empty) and keyword:
            self.removed.add(keyword)

    def _action(self, element: DataElement, keyword: str, ds: Dataset) -> Action:
        if element.tag.is_private or element.tag.element == 0 or _is_closed(element):
            return Action.REMOVE
        listed = self._profile.actions.get(keyword)
        if element.VR in _MOMENTS and listed is not None:
            if self._offset is not None and _is_shifted(keyword, ds):
                return Action.SHIFT
            keeps = Option.FULL_DATES in self._profile.options
            if keeps and keyword not in NEVER_KEPT_MOMENTS:
                return Action.KEEP
        if listed is not None:
            return listed.resolved
        action = unlisted_action(keyword, element.VR, element.value)
        if action is Action.REPLACE_UID and Option.UIDS in self._profile.options:
            return Action.REPLACE_UID if keyword in UIDS_NEVER_KEPT else Action.KEEP
        return action

    def _kept(self, element: DataElement, keyword: str, ds: Dataset) -> DataElement:
        if element.VR == "SQ":
            return self._recursed(element)
        is_local = is_local_code(keyword, str(ds.get("CodingSchemeDesignator", "")))
        if is_local or (element.VR in FREE_TEXT_VRS and self._is_telling(element, keyword)):
            return _valued(element, _DUMMY_TEXT)
        if element.VR == "IS" and holds_number(element.value, self._words):
            return _valued(element, None)
        if element.VR == "CS" and self._names_somebody(element, keyword):
            return _valued(element, None)
        if keyword == "PatientAge":
            return _valued(element, _capped_age(str(element.value or "")))
        return _valued(element, element.value)

    def _is_telling(self, element: DataElement, keyword: str) -> bool:
        """Whether a text names somebody or, kept for another reason, a place."""
        if holds_word(element.value, self._words):
            return True
        is_wanted = self._profile.actions.get(keyword) is Action.KEEP
        return not is_wanted and holds_value(element.value, self._values)

    def _names_somebody(self, element: DataElement, keyword: str) -> bool:
        """Whether a code is a name; those that tell how pixels are read are left alone."""
        if element.tag.group == _TECHNICAL_GROUP or keyword in _TECHNICAL_CODES:
            return False
        return holds_word(element.value, self._words)

    def _in_safe_words(self, value: Any) -> list[str] | str | None:
        texts = [safe_words(text, self._words) for text in _texts(value)]
        kept = [text for text in texts if text]
        if not kept:
            return None
        return kept[0] if len(kept) == 1 else kept

    def _recursed(self, element: DataElement) -> DataElement:
        keeps = Option.PATIENT_CHARACTERISTICS in self._profile.options
        items = [
            self.cleaned(item)
            for item in element.value or []
            if not is_left_out(item, keeps_characteristics=keeps)
        ]
        for item in items:
            cap_age(item)
        return _valued(element, items)

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
                if is_safe_private(element.VR, element.value):
                    made.private_block(group, creator, create=True).add_new(
                        number, element.VR, element.value
                    )


_CHANGES = {
    Action.REPLACE_UID: "uids",
    Action.SHIFT: "moved",
    Action.SAFE_WORDS: "cleaned",
    Action.DUMMY: "replaced",
    Action.ZERO: "emptied",
}


def _stand_in(keyword: str) -> str | None:
    """Return what a description is whose words all go: objects are invalid without some of them."""
    listed = BASIC_PROFILE.get(keyword)
    if listed is None:
        return _DUMMY_TEXT if keyword in NEEDED_TEXTS else None
    return _DUMMY_TEXT if listed is Action.DUMMY else None


def _is_closed(element: DataElement) -> bool:
    return any(element.tag.group in closed for closed in _CLOSED_GROUPS)


def _kind_of_removed(element: DataElement) -> str:
    if element.tag.is_private:
        return "private"
    return "graphics" if _is_closed(element) else "removed"


def _is_shifted(keyword: str, ds: Dataset) -> bool:
    """Whether a moment is one of the patient's own; of content items their concept tells."""
    if keyword in CONTENT_MOMENTS:
        return bool(concepts_of(ds) & SHIFTED_CONCEPTS)
    return keyword in SHIFTED_MOMENTS


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
    return "090Y" if unit == "Y" and int(digits) >= OLDEST else age
