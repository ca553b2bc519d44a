"""The profiles on offer: the Basic profile of PS3.15 Annex E, and its options as further data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.options import OPTION_ACTIONS, UIDS_NEVER_KEPT
from archive.deid.types import Action, DatePolicy, MethodCode, Option, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

BASIC_CODE = MethodCode("113100", "Basic Application Confidentiality Profile")
MODIFIED_DATES_CODE = MethodCode(
    "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
)
CLEAN_PIXELS_CODE = MethodCode("113101", "Clean Pixel Data Option")
CLEAN_FEATURES_CODE = MethodCode("113102", "Clean Recognizable Visual Features Option")

_OPTION_MEANINGS = {
    Option.GRAPHICS: "Clean Graphics Option",
    Option.STRUCTURED_CONTENT: "Clean Structured Content Option",
    Option.DESCRIPTORS: "Clean Descriptors Option",
    Option.FULL_DATES: "Retain Longitudinal Temporal Information Full Dates Option",
    Option.PATIENT_CHARACTERISTICS: "Retain Patient Characteristics Option",
    Option.DEVICE_IDENTITY: "Retain Device Identity Option",
    Option.UIDS: "Retain UIDs Option",
    Option.SAFE_PRIVATE: "Retain Safe Private Option",
    Option.INSTITUTION_IDENTITY: "Retain Institution Identity Option",
}
_NAME = "Basic Application Level Confidentiality Profile, PS3.15 Annex E"


def make_profile(
    *,
    dates: DatePolicy = DatePolicy.REMOVE,
    keeps_patient_characteristics: bool = False,
    keeps_safe_private: bool = False,
    options: Iterable[Option] = (),
) -> Profile:
    """Compose the Basic profile with options.

    Parameters
    ----------
    dates
        removed, or moved by an offset that is the same for all of a patient (113107); with
        `Option.FULL_DATES` among the options they stay (113106)
    keeps_patient_characteristics
        age (over 89 as 90), sex, size, weight, pregnancy and smoking stay (113108)
    keeps_safe_private
        private attributes known to hold physics alone stay (113111)
    options
        these and all others of `archive.deid.types.Option`

    Raises
    ------
    ValueError
        Dates are to be moved and to be kept.

    References
    ----------
    DICOM PS3.15 E.2, E.3, tables E.1-1 and E.3.10-1; PS3.16 CID 7050
    """
    chosen = set(options)
    if dates is DatePolicy.SHIFT and Option.FULL_DATES in chosen:
        message = "Dates are either moved or kept."
        raise ValueError(message)
    if keeps_patient_characteristics:
        chosen.add(Option.PATIENT_CHARACTERISTICS)
    if keeps_safe_private:
        chosen.add(Option.SAFE_PRIVATE)
    actions = dict(BASIC_PROFILE)
    if Option.UIDS in chosen:
        actions.update(_kept_uids())
    for option in chosen:
        actions.update(OPTION_ACTIONS[option])
    codes = [BASIC_CODE]
    if dates is DatePolicy.SHIFT:
        codes.append(MODIFIED_DATES_CODE)
    codes += [
        MethodCode(one.value, text) for one, text in _OPTION_MEANINGS.items() if one in chosen
    ]
    return Profile(
        name=_NAME,
        actions=actions,
        codes=tuple(sorted(codes, key=lambda code: code.value)),
        dates=dates,
        options=frozenset(chosen),
    )


def _kept_uids() -> dict[str, Action]:
    replaced = {Action.REPLACE_UID, Action.REMOVE_ZERO_OR_UIDS}
    return {
        keyword: Action.KEEP
        for keyword, action in BASIC_PROFILE.items()
        if action in replaced and keyword not in UIDS_NEVER_KEPT
    }


def add_method(ds: Dataset, code: MethodCode) -> None:
    """Write a method into a data set, once.

    Parameters
    ----------
    ds
        De-identification Method Code Sequence is made or added to
    code
        of CID 7050
    """
    items = list(ds.get("DeidentificationMethodCodeSequence") or [])
    if any(item.get("CodeValue") == code.value for item in items):
        return
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = code.meaning[:64]
    ds.DeidentificationMethodCodeSequence = Sequence([*items, item])


BASIC = make_profile()
