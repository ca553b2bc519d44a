"""The table's spot checks, each from the standard's own page, and its options."""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.options import PATIENT_CHARACTERISTICS
from archive.deid.profiles import BASIC, make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.types import Action, DatePolicy


@pytest.mark.parametrize(
    ("keyword", "action"),
    [
        ("AccessionNumber", Action.ZERO),
        ("AcquisitionDate", Action.REMOVE_OR_ZERO),
        ("AcquisitionDateTime", Action.REMOVE_ZERO_OR_DUMMY),
        ("AdditionalPatientHistory", Action.REMOVE),
        ("ContentDate", Action.ZERO_OR_DUMMY),
        ("ContrastBolusAgent", Action.ZERO_OR_DUMMY),
        ("DeviceSerialNumber", Action.REMOVE_ZERO_OR_DUMMY),
        ("FrameOfReferenceUID", Action.REPLACE_UID),
        ("InstitutionName", Action.REMOVE_ZERO_OR_DUMMY),
        ("OriginalAttributesSequence", Action.REMOVE),
        ("PatientBirthDate", Action.ZERO),
        ("PatientName", Action.ZERO),
        ("PatientSex", Action.ZERO),
        ("PatientAge", Action.REMOVE),
        ("ProtocolName", Action.REMOVE_OR_DUMMY),
        ("ReferencedImageSequence", Action.REMOVE_ZERO_OR_UIDS),
        ("SeriesDescription", Action.REMOVE),
        ("SeriesInstanceUID", Action.REPLACE_UID),
        ("SOPInstanceUID", Action.REPLACE_UID),
        ("StudyDate", Action.ZERO),
        ("StudyDescription", Action.REMOVE),
        ("StudyInstanceUID", Action.REPLACE_UID),
    ],
)
def test_table(keyword, action):
    assert BASIC_PROFILE[keyword] is action


def test_table_names_attributes_of_the_dictionary():
    assert len(BASIC_PROFILE) > 600
    assert all(tag_for_keyword(keyword) is not None for keyword in BASIC_PROFILE)


def test_combined_actions_leave_a_valid_object_whatever_the_type():
    for action in Action:
        parts = action.value.split("/")
        assert action.resolved.value[0] == parts[-1][0]
        if "D" in parts:
            assert action.resolved is Action.DUMMY


def test_options_are_data_and_state_their_codes():
    profile = make_profile(
        dates=DatePolicy.SHIFT, keeps_patient_characteristics=True, keeps_safe_private=True
    )

    assert [code.value for code in profile.codes] == ["113100", "113107", "113108", "113111"]
    assert [code.value for code in BASIC.codes] == ["113100"]
    kept = {word for word, action in profile.actions.items() if action is Action.KEEP}
    assert kept == set(PATIENT_CHARACTERISTICS)
    assert all(len(code.meaning) <= 64 for code in profile.codes[:1])


def test_pseudonyms_depend_on_the_secret_alone():
    one, same = (Pseudonyms(derive_secret("master", "a")) for _ in range(2))
    other = Pseudonyms(derive_secret("master", "b"))

    assert one.uid("1.2.3") == same.uid("1.2.3\0") != other.uid("1.2.3")
    assert one.code("p") == same.code("p") != other.code("p")
    assert one.offset("p") == same.offset("p") != other.offset("p")
    assert -4020 < one.offset("p").days < -365
    assert all(len(one.uid(f"1.2.{n}")) <= 64 for n in range(100))
