"""Only a patient's own moments are moved: one that others share would tell how far."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from archive.deid.basic_profile import BASIC_PROFILE
from archive.deid.engine import deidentify
from archive.deid.profiles import make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.shifted_moments import CONTENT_MOMENTS, SHIFTED_CONCEPTS, SHIFTED_MOMENTS
from archive.deid.types import DatePolicy, Option
from tests.builders.datasets import make_dataset

PSEUDONYMS = Pseudonyms(derive_secret("a secret of the tests", "moments"))
SHIFTED = make_profile(dates=DatePolicy.SHIFT, options=[Option.STRUCTURED_CONTENT])
KEPT = make_profile(options=[Option.STRUCTURED_CONTENT, Option.FULL_DATES])
VALUES = {"DA": "20231113", "DT": "20231113112233", "TM": "112233"}
MOMENTS = sorted(
    keyword
    for keyword in BASIC_PROFILE
    if dictionary_VR(keyword) in VALUES and keyword not in CONTENT_MOMENTS
)
# Versions, approvals, products and scanners: the same for many, or for anybody to look up. What
# is no moment of the patient's care is here, too, though nobody else may share it.
NOT_MOVED = """
    ApprovalStatusDateTime AssertionDateTime AssertionExpirationDateTime
    AttributeModificationDateTime CalibrationDate CalibrationDateTime CalibrationTime
    ContextGroupLocalVersion ContextGroupVersion CreationDate CreationTime
    DateOfDocumentOrVerbalTransactionTrial DateOfInstallation DateOfLastCalibration
    DateOfLastDetectorCalibration DateOfManufacture DateTimeOfLastCalibration
    DigitalSignatureDateTime EffectiveDateTime EthicsCommitteeApprovalEffectivenessEndDate
    EthicsCommitteeApprovalEffectivenessStartDate GPSDateStamp GPSTimeStamp HL7DocumentEffectiveTime
    HangingProtocolCreationDateTime InformationIssueDateTime InstanceCoercionDateTime
    IntendedFractionStartTime ModifiedImageDate ModifiedImageTime PatientBirthDate PatientBirthTime
    ProductExpirationDateTime SOPAuthorizationDateTime SelectorDAValue SelectorDTValue
    SelectorTMValue SourceStrengthReferenceDate SourceStrengthReferenceTime TemplateLocalVersion
    TemplateVersion TimeOfDocumentCreationOrVerbalTransactionTrial TimeOfLastCalibration
    TimeOfLastDetectorCalibration
"""


def _item(**attributes) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, **more) -> Sequence:
    return Sequence(
        [_item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning="A meaning", **more)]
    )


def _left(ds: Dataset, subject: str, profile=SHIFTED) -> Dataset:
    return deidentify(ds, profile, PSEUDONYMS, subject=subject).ds


def _written(ds: Dataset, keyword: str) -> str | None:
    return str(ds[keyword].value or "") if keyword in ds else None


def test_every_listed_moment_is_moved_or_known_not_to_be():
    assert len(MOMENTS) > 140
    assert set(MOMENTS) - SHIFTED_MOMENTS == set(NOT_MOVED.split())
    assert set(MOMENTS) >= SHIFTED_MOMENTS


@pytest.mark.parametrize("keyword", MOMENTS)
def test_a_moment_is_moved_by_the_patients_offset_or_the_same_for_all(keyword):
    ds = make_dataset(**{keyword: VALUES[dictionary_VR(keyword)]})

    one, two = (_written(_left(ds, subject), keyword) for subject in ("one", "two"))

    original = VALUES[dictionary_VR(keyword)]
    if keyword in NOT_MOVED.split():
        assert one == two
        assert one in {None, "", "19000101", "19000101000000", "000000"}
    else:
        assert len({one, two, original}) == 3
        assert one
        assert two


def test_the_published_version_of_a_context_group_does_not_tell_the_offset():
    view = _code("399162004", "SCT", ContextIdentifier="4014", ContextGroupVersion="20020904")
    ds = make_dataset(StudyDate="20231113", ViewCodeSequence=view)

    one, two = _left(ds, "one"), _left(ds, "two")

    assert one.StudyDate != two.StudyDate
    versions = {left.ViewCodeSequence[0].ContextGroupVersion for left in (one, two)}
    assert versions == {"19000101000000"}
    assert one.ViewCodeSequence[0].CodeValue == "399162004"


def test_dates_of_a_scanner_in_its_description_are_not_moved():
    equipment = _item(Manufacturer="Maker", ContributionDateTime="20231113112233")
    equipment.DateOfLastCalibration, equipment.TimeOfLastCalibration = "20230102", "080000"
    ds = make_dataset(ContributingEquipmentSequence=Sequence([equipment]))

    one, two = (_left(ds, subject).ContributingEquipmentSequence[0] for subject in ("one", "two"))

    assert one.ContributionDateTime != two.ContributionDateTime
    assert "DateOfLastCalibration" not in one
    assert "TimeOfLastCalibration" not in two


@pytest.mark.parametrize(
    ("concept", "is_moved"),
    [
        (("111526", "DCM"), True),
        (("11778-8", "LN"), True),
        (("113723", "DCM"), False),
        (("111526", "99LOCAL"), False),
        (("121071", "DCM"), False),
    ],
)
def test_content_items_are_moved_by_their_concept(concept, is_moved):
    item = _item(ValueType="DATETIME", ConceptNameCodeSequence=_code(*concept))
    item.DateTime = VALUES["DT"]
    ds = make_dataset(Modality="SR", ContentSequence=Sequence([item]))

    one, two = (_left(ds, subject).ContentSequence[0].DateTime for subject in ("one", "two"))

    assert (one != two) is is_moved
    assert VALUES["DT"] not in {one, two}
    if not is_moved:
        assert one == "19000101000000"
    assert _left(ds, "one", KEPT).ContentSequence[0].DateTime == VALUES["DT"]


def test_concepts_are_those_of_the_standard():
    assert {scheme for _, scheme in SHIFTED_CONCEPTS} == {"DCM", "LN", "SCT"}
    # Calibration of a scanner, birth and death of the patient.
    assert not SHIFTED_CONCEPTS & {("113723", "DCM"), ("121031", "DCM"), ("122165", "DCM")}
