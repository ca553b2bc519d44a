"""T84: whatever marks a person is planted everywhere, and nothing of it leaves."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import timedelta

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from archive.deid.engine import deidentify, write_deidentified
from archive.deid.identifiers import identifying_words, words_of
from archive.deid.profiles import BASIC, make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.types import DatePolicy
from archive.dicom.pixels import decode_frame
from archive.dicom.reading import read_dataset
from archive.errors import ArchiveError
from tests.archive.dicom.conftest import all_pydicom_files
from tests.builders.datasets import as_part10, make_dataset

SHIFTED = make_profile(dates=DatePolicy.SHIFT)
CHARACTERISTICS = make_profile(keeps_patient_characteristics=True)
EVERYTHING = make_profile(
    dates=DatePolicy.SHIFT, keeps_patient_characteristics=True, keeps_safe_private=True
)
PROFILES = [BASIC, SHIFTED, CHARACTERISTICS, EVERYTHING]
# What the engine writes in the place of what it removed.
OWN_WORDS = {"anonymous", "removed", "none"}
NAMES = ["basic", "shifted", "characteristics", "everything"]

TEXTS = {
    "PatientName": "MARKNAME^ALPHA",
    "PatientID": "MARKID01",
    "OtherPatientIDs": "MARKID02",
    "OtherPatientNames": "MARKNAME^BETA",
    "PatientBirthName": "MARKNAME^GAMMA",
    "PatientMotherBirthName": "MARKNAME^DELTA",
    "PatientAddress": "MARKADDRESS 1",
    "PatientTelephoneNumbers": "MARKPHONE 1",
    "PatientComments": "MARKTEXT patient",
    "AdditionalPatientHistory": "MARKTEXT history",
    "EthnicGroup": "MARKETHNIC",
    "Occupation": "MARKJOB",
    "MedicalRecordLocator": "MARKRECORD",
    "AccessionNumber": "MARKACC",
    "StudyID": "MARKSTUDY",
    "StudyDescription": "MARKTEXT study",
    "SeriesDescription": "MARKTEXT series",
    "ProtocolName": "MARKTEXT protocol",
    "ImageComments": "MARKTEXT image",
    "RequestedProcedureDescription": "MARKTEXT requested",
    "ReferringPhysicianName": "MARKDOCTOR^ONE",
    "PerformingPhysicianName": "MARKDOCTOR^TWO",
    "OperatorsName": "MARKDOCTOR^THREE",
    "NameOfPhysiciansReadingStudy": "MARKDOCTOR^FOUR",
    "InstitutionName": "MARKPLACE hospital",
    "InstitutionAddress": "MARKPLACE street",
    "InstitutionalDepartmentName": "MARKPLACE ward",
    "StationName": "MARKSTATION",
    "DeviceSerialNumber": "MARKSERIAL",
    "SoftwareVersions": "MARKSOFTWARE",
    "RetrieveAETitle": "MARKAE",
    "WindowCenterWidthExplanation": "MARKTEXT window",
    "ContrastBolusAgent": "MARKTEXT contrast",
    "DerivationDescription": "MARKTEXT derived",
}
MOMENTS = {
    "PatientBirthDate": "19511213",
    "StudyDate": "20171213",
    "SeriesDate": "20171214",
    "AcquisitionDate": "20171215",
    "ContentDate": "20171216",
    "AcquisitionDateTime": "20171217112233.445566",
    "StudyTime": "112234",
    "SeriesTime": "112235",
    "AcquisitionTime": "112236.445567",
    "DateOfSecondaryCapture": "20171218",
}
UIDS = {
    "StudyInstanceUID": "1.2.999.7001",
    "SeriesInstanceUID": "1.2.999.7002",
    "SOPInstanceUID": "1.2.999.7003",
    "FrameOfReferenceUID": "1.2.999.7004",
    "SynchronizationFrameOfReferenceUID": "1.2.999.7005",
    "InstanceCreatorUID": "1.2.999.7006",
}


def _pseudonyms(purpose: str = "test") -> Pseudonyms:
    return Pseudonyms(derive_secret("a secret of the tests", purpose))


def planted() -> Dataset:
    """Return an image with a marker in every place where an identity was ever found."""
    ds = make_dataset(**TEXTS, **MOMENTS, **UIDS, PatientAge="097Y", PatientWeight="71.5")
    reference = Dataset()
    reference.ReferencedSOPClassUID = ds.SOPClassUID
    reference.ReferencedSOPInstanceUID = UIDS["SOPInstanceUID"]
    reference.PurposeOfReferenceCodeSequence = [_code("MARKNESTED one")]
    ds.ReferencedImageSequence = Sequence([reference])
    request = Dataset()
    request.RequestedProcedureID = "MARKNESTED2"
    request.ScheduledProcedureStepDescription = "MARKNESTED three"
    ds.RequestAttributesSequence = Sequence([request])
    dose = Dataset()
    dose.OperatorsName = "MARKNESTED^FOUR"
    dose.AcquisitionDate = "20171219"
    dose.PerFrameFunctionalGroupsSequence = Sequence([_inner()])
    ds.SharedFunctionalGroupsSequence = Sequence([dose])
    ds.OriginalAttributesSequence = Sequence([_inner()])
    local = _code("MARKNESTED seven")
    local.CodingSchemeDesignator, local.CodeValue = "99LOCAL", "MARKCODE"
    local.CodeMeaning = "MARKNESTED eight"
    ds.AnatomicRegionSequence = Sequence([local])
    block = ds.private_block(0x0009, "MARKCREATOR", create=True)
    block.add_new(1, "LO", "MARKPRIVATE")
    block.add_new(2, "SQ", Sequence([_inner()]))
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "800")
    ds.private_block(0x0019, "SIEMENS MR HEADER").add_new(0x0F, "SH", "MARKPRIVATE2")
    ds.add_new(0x60000010, "US", 16)
    ds.add_new(0x60000011, "US", 16)
    ds.add_new(0x60000022, "LO", "MARKOVERLAY")
    ds.add_new(0x60003000, "OB", b"MARKOVERLAYDATA!" * 2)
    ds.add_new(0x50002500, "LO", "MARKCURVE")
    ds.add_new(0x50003000, "OB", b"MARKCURVEDATA!!!")
    ds.add_new(0xFFFCFFFC, "OB", b"MARKTRAILING")
    ds.add_new(0x00430011, "LO", "MARKORPHAN")
    ds.PixelData = ds.PixelData + b"MARKBEHINDPIXELS"
    return ds


def _inner() -> Dataset:
    item = Dataset()
    item.PatientName = "MARKNESTED^FIVE"
    item.ImageComments = "MARKNESTED six"
    item.StudyDate = "20171220"
    item.UID = "1.2.999.7007"
    return item


def _code(meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = "121320"
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = "Uncompressed predecessor"
    item.MappingResourceName = meaning
    return item


def _file(ds: Dataset) -> bytes:
    ds.file_meta.SourceApplicationEntityTitle = "MARKSOURCE"
    ds.file_meta.SendingApplicationEntityTitle = "MARKSENDER"
    ds.file_meta.ReceivingApplicationEntityTitle = "MARKRECEIVER"
    ds.file_meta.PrivateInformationCreatorUID = "1.2.999.7008"
    ds.file_meta.PrivateInformation = b"MARKMETA"
    content = as_part10(ds)
    return b"MARKPREAMBLE".ljust(128, b"!") + content[128:]


def planted_file() -> bytes:
    """Return the same as a file, with markers in front of the data set too."""
    return _file(planted())


def _leaving(content: bytes, profile=BASIC, purpose: str = "test", subject: str = "one") -> bytes:
    ds = read_dataset(io.BytesIO(content))
    return write_deidentified(deidentify(ds, profile, _pseudonyms(purpose), subject=subject))


def _read(content: bytes) -> Dataset:
    """Read as others do: with pydicom's own reader, not with ours."""
    return pydicom.dcmread(io.BytesIO(content))  # noqa: TID251 a reader that is not ours


def _markers() -> list[bytes]:
    moments = [value.encode() for value in MOMENTS.values()]
    return [b"MARK", b"1.2.999.", *moments, b"2017121", b"20171220"]


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_t84_deid_leak_of_markers(profile, syntax):
    ds = planted()
    ds.file_meta.TransferSyntaxUID = syntax
    content = _file(ds)
    assert all(marker in content for marker in _markers())
    assert content.count(b"MARK") > 50

    left = _leaving(content, profile)

    for marker in _markers():
        assert marker not in left, marker


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
def test_what_leaves_is_a_dicom_file_and_says_what_was_done(profile, tmp_path):
    content = _leaving(_file(planted()), profile)
    ds = _read(content)

    assert content[:128] == bytes(128)
    assert ds.PatientIdentityRemoved == "YES"
    assert "Annex E" in ds.DeidentificationMethod
    codes = {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}
    assert codes == {code.value for code in profile.codes}
    assert "113100" in codes
    modified = "MODIFIED" if profile.dates is DatePolicy.SHIFT else "REMOVED"
    assert ds.LongitudinalTemporalInformationModified == modified
    assert ds.pixel_array.shape == (16, 12)
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    if shutil.which("dcmdump"):
        path = tmp_path / "left.dcm"
        path.write_bytes(content)
        done = subprocess.run(["dcmdump", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert "E:" not in done.stderr


def test_pixels_are_those_of_the_original():
    ds = planted()
    kept = np.frombuffer(ds.PixelData[: 16 * 12 * 2], "<i2").reshape(16, 12)

    left = _read(_leaving(_file(ds)))

    assert np.array_equal(left.pixel_array, kept)
    assert (left.RescaleIntercept, left.PixelSpacing) == (-1024, [0.5, 0.5])


def test_type_2_attributes_stay_empty_and_type_1_ones_get_a_dummy():
    left = _read(_leaving(_file(planted())))

    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "PatientBirthDate"):
        assert keyword in left
        assert not left[keyword].value
    assert left.ContentDate == "19000101"
    assert left.PatientName == left.PatientID
    assert left.PatientSex in (None, "")
    assert "PatientAge" not in left


def test_uids_are_consistent_in_a_set_and_strange_to_another():
    first = _read(_leaving(_file(planted())))
    again = _read(_leaving(_file(planted())))
    other = _read(_leaving(_file(planted()), purpose="another"))

    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert first.StudyInstanceUID == again.StudyInstanceUID != other.StudyInstanceUID
    uids = [first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID]
    assert len(set(uids)) == 3
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)
    assert first.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_dates_of_a_patient_move_together():
    left = _read(_leaving(_file(planted()), SHIFTED))
    study = pydicom.valuerep.DA(left.StudyDate), pydicom.valuerep.TM(left.StudyTime)
    acquired = pydicom.valuerep.DA(left.AcquisitionDate), pydicom.valuerep.TM(left.AcquisitionTime)

    between = _moment(*acquired) - _moment(*study)

    assert between == timedelta(days=2, seconds=2, microseconds=445567)
    assert not left.PatientBirthDate
    assert pydicom.valuerep.DT(left.AcquisitionDateTime).date() > study[0]


def _moment(date, time):
    from datetime import datetime

    return datetime.combine(date, time)


def test_characteristics_stay_with_their_option_and_the_very_old_are_ninety():
    left = _read(_leaving(_file(planted()), CHARACTERISTICS))

    assert (left.PatientAge, left.PatientSex, left.PatientWeight) == ("090Y", "F", 71.5)


def test_private_attributes_stay_only_where_known_safe():
    without = _read(_leaving(_file(planted())))
    with_safe = _read(_leaving(_file(planted()), EVERYTHING))

    assert [element for element in without.iterall() if element.tag.is_private] == []
    kept = [element for element in with_safe.iterall() if element.tag.is_private]
    assert {str(element.value) for element in kept} == {"SIEMENS MR HEADER", "800"}


def test_comments_inside_compressed_pixels_stay_behind():
    pixels = np.full((16, 16), 90, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    comment = b"\xff\xfe" + (2 + 11).to_bytes(2, "big") + b"MARKCOMMENT"
    commented = jpeg[:2] + comment + jpeg[2:]
    ds = make_dataset(
        transfer_syntax="1.2.840.10008.1.2.4.50",
        Rows=16,
        Columns=16,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=encapsulate([commented]),
    )
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    content = as_part10(ds)
    assert b"MARKCOMMENT" in content

    left = _leaving(content)

    assert b"MARK" not in left
    read = read_dataset(io.BytesIO(left))
    assert np.abs(decode_frame(read, 0).astype(int) - 90).max() <= 2


def test_overlay_in_the_unused_bits_of_pixels_is_cleared():
    ds = make_dataset(BitsStored=12, HighBit=11, PixelRepresentation=0)
    samples = (np.arange(16 * 12, dtype=np.uint16) % 4096) | 0x8000
    ds.PixelData = samples.tobytes()
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60000102, "US", 15)

    left = _read(_leaving(as_part10(ds)))

    assert np.array_equal(left.pixel_array.ravel(), np.arange(16 * 12) % 4096)
    assert not np.any(np.frombuffer(left.PixelData, "<u2") & 0xF000)


def test_what_is_given_is_not_changed():
    ds = read_dataset(io.BytesIO(_file(planted())))
    before = ds.to_json()

    deidentify(ds, EVERYTHING, _pseudonyms(), subject="one")

    assert ds.to_json() == before


def test_text_in_other_character_sets_is_written_anew():
    ds = make_dataset(SpecificCharacterSet="ISO_IR 100", Manufacturer="Gerätebau")

    left = _read(_leaving(as_part10(ds)))

    assert left.SpecificCharacterSet == "ISO_IR 192"
    assert left.Manufacturer == "Gerätebau"


def test_number_that_is_none_and_unknown_attribute_do_not_leave():
    ds = make_dataset(KVP="1234567890")
    ds.add_new(0x00104444, "LO", "MARKUNKNOWN")
    content = as_part10(ds).replace(b"1234567890", b"MARKNUMBER")
    assert content.count(b"MARK") == 2

    assert b"MARK" not in _leaving(content)


def test_kept_text_that_names_somebody_is_replaced():
    inner = Dataset()
    inner.OperatorsName = "Müller^Ida"
    ds = make_dataset(
        PatientName="Doe^Jane",
        PatientID="4711-88123",
        SeriesNumber="88123",
        Manufacturer="Jane Doe and Sons",
        ManufacturerModelName="MULLER 7",
        ConvolutionKernel="standard",
        AnatomicRegionSequence=Sequence([inner]),
    )

    left = _read(_leaving(as_part10(ds)))

    assert (left.Manufacturer, left.ManufacturerModelName) == ("REMOVED", "REMOVED")
    assert left.ConvolutionKernel == "standard"
    assert left.SeriesNumber is None
    assert left.InstanceNumber == 1


@pytest.mark.parametrize("profile", PROFILES, ids=NAMES)
def test_real_files_leave_readable_and_without_their_names(profile):
    """Every file that pydicom ships either leaves well, or is refused with our own error."""
    left = 0
    for path in all_pydicom_files():
        if path.stat().st_size > 1_000_000:
            continue
        try:
            ds = read_dataset(path)
            content = write_deidentified(deidentify(ds, profile, _pseudonyms(), subject="one"))
        except ArchiveError:
            continue
        left += 1
        read = _read(content)
        assert read.PatientIdentityRemoved == "YES", path
        kept = {
            word
            for element in read.iterall()
            if element.VR in {"LO", "SH", "PN", "LT", "ST", "UT"} and element.value
            for word in words_of(element.value)
        }
        assert not (kept & identifying_words(ds)) - OWN_WORDS, path
    assert left > 50
