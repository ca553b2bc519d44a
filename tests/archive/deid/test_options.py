"""The options of CID 7050: what each keeps or cleans, and what it never lets through."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, GrayscaleSoftcopyPresentationStateStorage

from archive.deid.engine import deidentify, write_deidentified
from archive.deid.holding import find_refusal
from archive.deid.profiles import make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.safe_words import safe_words
from archive.deid.types import Action, DatePolicy, Option
from tests.archive.deid.test_engine import MOMENTS, TEXTS, UIDS, planted
from tests.builders.datasets import make_dataset

PSEUDONYMS = Pseudonyms(derive_secret("a secret of the tests", "options"))


def _made(ds: Dataset, *options: Option, dates=DatePolicy.REMOVE):
    profile = make_profile(dates=dates, options=options)
    return deidentify(ds, profile, PSEUDONYMS, subject="one")


def _item(**attributes) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    return Sequence([_item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)])


def test_every_option_states_its_code_and_all_of_cid_7050_are_offered():
    offered = set()
    for option in Option:
        codes = [code.value for code in make_profile(options=[option]).codes]
        assert codes == ["113100", option.value]
        offered.update(codes)
    offered.update(code.value for code in make_profile(dates=DatePolicy.SHIFT).codes)

    # 113101 and 113102 are written where pixels were cleaned.
    assert offered == {str(code) for code in range(113100, 113113)} - {"113101", "113102"}


def test_full_dates_stay_but_births_do_not():
    left = _made(planted(), Option.FULL_DATES).ds

    assert left.LongitudinalTemporalInformationModified == "UNMODIFIED"
    kept = {keyword: str(left[keyword].value) for keyword in MOMENTS if keyword in left}
    assert kept == {**MOMENTS, "PatientBirthDate": "None"}
    with pytest.raises(ValueError, match="moved or kept"):
        make_profile(dates=DatePolicy.SHIFT, options=[Option.FULL_DATES])


def test_dates_that_no_table_moves_are_emptied_not_moved():
    ds = make_dataset(StudyUpdateDateTime="20171213101010", ExpiryDate="20171213")

    left = _made(ds, dates=DatePolicy.SHIFT).ds

    assert left.StudyDate not in (None, "", ds.StudyDate)
    assert (left["StudyUpdateDateTime"].is_empty, left["ExpiryDate"].is_empty) == (True, True)


def test_uids_devices_and_institutions_stay_where_asked_for():
    ds = planted()
    ds.DetectorID = "DETECTOR-7"

    left = _made(ds, Option.UIDS, Option.DEVICE_IDENTITY, Option.INSTITUTION_IDENTITY).ds

    assert {keyword: left[keyword].value for keyword in UIDS} == UIDS
    assert left.ReferencedImageSequence[0].ReferencedSOPInstanceUID == UIDS["SOPInstanceUID"]
    assert (left.DetectorID, left.DeviceSerialNumber) == ("DETECTOR-7", "MARKSERIAL")
    assert left.InstitutionName == TEXTS["InstitutionName"]
    assert left.PatientName != ds.PatientName
    assert "OperatorsName" not in left or left.OperatorsName == "Anonymous"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("CT chest abdomen pelvis - 55F Dr. Smith", "CT chest abdomen pelvis"),
        ("T1w 3D MPRAGE sag 1.0mm", "T1w 3D MPRAGE sag 1.0mm"),
        ("Schädel nativ, Hr. Meier 4711", "Schädel nativ"),
        ("tórax con contraste", "tórax con contraste"),
        ("Doe^Jane 19511213", ""),
        ("Head", ""),
    ],
)
def test_descriptions_keep_safe_words(text, kept):
    # The patient is called Head here.
    assert safe_words(text, frozenset({"head", "jane"})) == kept


def test_descriptors_are_cleaned_in_the_data_set():
    ds = make_dataset(
        StudyDescription="MR Kopf nativ MARKNAME",
        SeriesDescription="MARKTEXT",
        ProtocolName="t2 flair tra Alpha",
        PatientName="MARKNAME^ALPHA",
        ImageComments="head MARKTEXT",
    )

    made = _made(ds, Option.DESCRIPTORS)

    assert (made.ds.StudyDescription, made.ds.ProtocolName) == ("MR Kopf nativ", "t2 flair tra")
    assert made.ds["SeriesDescription"].is_empty
    assert "ImageComments" not in made.ds
    assert made.changes["cleaned"] == 2


def _report() -> Dataset:
    ds = make_dataset(SOPClassUID=BasicTextSRStorage, Modality="SR", Rows=None)
    finding = _code("121071", "DCM", "Finding")
    ds.ValueType, ds.CompletionFlag, ds.VerificationFlag = "CONTAINER", "COMPLETE", "VERIFIED"
    ds.ConceptNameCodeSequence = _code("18748-4", "LN", "Diagnostic imaging report")
    observer = _item(VerifyingObserverName="MARKDOCTOR^ONE", VerifyingOrganization="MARKPLACE")
    ds.VerifyingObserverSequence = Sequence([observer])
    measured = _item(NumericValue="12.5", MeasurementUnitsCodeSequence=_code("mm", "UCUM", "mm"))
    reference = _item(ReferencedSOPClassUID="1.2.3", ReferencedSOPInstanceUID="1.2.999.1")
    local = _code("MARK7", "99LOCAL", "MARKTEXT local")
    ds.ContentSequence = Sequence(
        [
            _item(ValueType="TEXT", ConceptNameCodeSequence=finding, TextValue="MARKTEXT a mass"),
            _item(ValueType="PNAME", ConceptNameCodeSequence=finding, PersonName="MARKNAME^X"),
            _item(ValueType="DATE", ConceptNameCodeSequence=finding, Date="20171213"),
            _item(
                ValueType="DATE",
                ConceptNameCodeSequence=_code("121031", "DCM", "Subject Birth Date"),
                Date="19511213",
            ),
            _item(ValueType="CODE", ConceptNameCodeSequence=finding, ConceptCodeSequence=local),
            _item(
                ValueType="NUM",
                ConceptNameCodeSequence=finding,
                MeasuredValueSequence=Sequence([measured]),
                ContentSequence=Sequence(
                    [_item(ValueType="IMAGE", ReferencedSOPSequence=Sequence([reference]))]
                ),
            ),
        ]
    )
    return ds


def test_reports_leave_with_numbers_and_codes_and_without_words():
    ds = _report()
    assert find_refusal(ds) is not None
    assert find_refusal(ds, options=[Option.STRUCTURED_CONTENT]) is None

    made = _made(ds, Option.STRUCTURED_CONTENT, dates=DatePolicy.SHIFT)

    content = write_deidentified(made)
    for marker in (b"MARK", b"20171213", b"19511213", b"1.2.999."):
        assert marker not in content
    left = pydicom.dcmread(io.BytesIO(content))  # noqa: TID251 a reader that is not ours
    items = left.ContentSequence
    assert [item.ValueType for item in items] == ["TEXT", "PNAME", "DATE", "CODE", "NUM"]
    assert (items[0].TextValue, items[1].PersonName) == ("REMOVED", "Anonymous")
    assert items[4].MeasuredValueSequence[0].NumericValue == 12.5
    assert items[0].ConceptNameCodeSequence[0].CodeMeaning == "Finding"
    new = items[4].ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert new == PSEUDONYMS.uid("1.2.999.1")


def test_presentation_states_leave_with_lines_and_without_texts():
    ds = make_dataset(
        SOPClassUID=GrayscaleSoftcopyPresentationStateStorage, Modality="PR", Rows=None
    )
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "LABEL", "MARK1", "MARK^2"
    line = _item(GraphicType="POLYLINE", GraphicData=[1.0, 2.0, 3.0, 4.0], NumberOfGraphicPoints=2)
    text = _item(UnformattedTextValue="MARKTEXT", AnchorPoint=[1.0, 1.0])
    ds.GraphicAnnotationSequence = Sequence(
        [_item(GraphicObjectSequence=Sequence([line]), TextObjectSequence=Sequence([text]))]
    )
    ds.add_new(0x60003000, "OB", b"MARKOVERLAYDATA!")
    assert find_refusal(ds) is not None
    assert find_refusal(ds, options=[Option.GRAPHICS]) is None

    made = _made(ds, Option.GRAPHICS)

    (annotation,) = made.ds.GraphicAnnotationSequence
    assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 2.0, 3.0, 4.0]
    assert "TextObjectSequence" not in annotation
    assert b"MARK" not in write_deidentified(made)


def test_safe_private_attributes_are_numbers_or_codes_and_nothing_else():
    ds = make_dataset()
    block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "800")
    block.add_new(0x0D, "CS", "DIRECTIONAL")
    block.add_new(0x0F, "SH", "MARK")
    other = ds.private_block(0x01F1, "ELSCINT1", create=True)
    other.add_new(0x26, "DS", "0.9")
    other.add_new(0x01, "CS", "Mark smith")
    other.add_new(0x27, "LO", "MARK")

    left = _made(ds, Option.SAFE_PRIVATE).ds

    kept = {str(one.value) for one in left if one.tag.is_private and not one.tag.is_private_creator}
    assert kept == {"800", "DIRECTIONAL", "0.9"}


def test_codes_that_name_the_patient_are_emptied_unless_pixels_need_them():
    ds = make_dataset(PatientName="ORIGINAL^THUMB", BodyPartExamined="THUMB")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]

    left = _made(ds).ds

    assert left["BodyPartExamined"].is_empty
    assert list(left.ImageType) == ["ORIGINAL", "PRIMARY"]


def test_report_of_what_was_removed_counts_and_names_attributes_never_values():
    made = _made(planted(), dates=DatePolicy.SHIFT)

    assert made.changes["private"] >= 5
    assert made.changes["graphics"] >= 4
    assert made.changes["removed"] > 20
    assert made.changes["moved"] >= 8
    assert made.changes["uids"] >= 6
    assert {"PatientAddress", "OtherPatientIDs", "PatientBirthDate"} <= made.removed
    assert "StudyDate" not in made.removed
    assert not any("MARK" in keyword for keyword in made.removed)


def test_each_option_is_data():
    everything = make_profile(options=list(Option))

    assert everything.actions["SOPInstanceUID"] is Action.KEEP
    assert everything.actions["DigitalSignatureUID"] is Action.REPLACE_UID
    assert everything.actions["PatientBirthDate"] is Action.ZERO
