"""The profiles on offer: the Basic profile of PS3.15 Annex E, and its options as further data."""

from __future__ import annotations

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.types import Action, DatePolicy, MethodCode, Profile

BASIC_CODE = MethodCode("113100", "Basic Application Confidentiality Profile")
MODIFIED_DATES_CODE = MethodCode(
    "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
)
PATIENT_CHARACTERISTICS_CODE = MethodCode("113108", "Retain Patient Characteristics Option")
SAFE_PRIVATE_CODE = MethodCode("113111", "Retain Safe Private Option")

# Of the option's attributes those that can't hold free text; the others are cleaned by removal.
PATIENT_CHARACTERISTICS = (
    "PatientAge",
    "PatientSex",
    "PatientSexNeutered",
    "PatientSize",
    "PatientWeight",
    "PregnancyStatus",
    "SmokingStatus",
)
# Birth dates stay out whatever is done with the dates of the examination.
NEVER_SHIFTED = frozenset(
    {
        "PatientBirthDate",
        "PatientBirthDateInAlternativeCalendar",
        "PatientBirthTime",
        "PatientDeathDateInAlternativeCalendar",
    }
)


def make_profile(
    *,
    dates: DatePolicy = DatePolicy.REMOVE,
    keeps_patient_characteristics: bool = False,
    keeps_safe_private: bool = False,
) -> Profile:
    """Compose the Basic profile with options.

    Parameters
    ----------
    dates
        removed, or moved by an offset that is the same for all of a patient (113107)
    keeps_patient_characteristics
        age (over 89 as 90), sex, size, weight, pregnancy and smoking stay (113108)
    keeps_safe_private
        private attributes known to hold physics alone stay (113111)

    References
    ----------
    DICOM PS3.15 E.2, E.3, tables E.1-1 and E.3.10-1; PS3.16 CID 7050
    """
    actions = dict(BASIC_PROFILE)
    codes = [BASIC_CODE]
    if dates is DatePolicy.SHIFT:
        codes.append(MODIFIED_DATES_CODE)
    if keeps_patient_characteristics:
        actions.update(dict.fromkeys(PATIENT_CHARACTERISTICS, Action.KEEP))
        codes.append(PATIENT_CHARACTERISTICS_CODE)
    if keeps_safe_private:
        codes.append(SAFE_PRIVATE_CODE)
    return Profile(
        name="Basic Application Level Confidentiality Profile, PS3.15 Annex E",
        actions=actions,
        codes=tuple(codes),
        dates=dates,
        keeps_safe_private=keeps_safe_private,
    )


BASIC = make_profile()
