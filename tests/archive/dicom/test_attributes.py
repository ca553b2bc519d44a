import dataclasses
import datetime
import io
import time

import pytest
from pydicom.dataset import Dataset

from archive.dicom.attributes import extract_attributes
from archive.dicom.reading import read_header
from archive.errors import InvalidInstanceError
from archive.models import Instance, Patient, Series, Study
from tests.archive.dicom.conftest import TEST_FILES
from tests.builders import bytestreams as build
from tests.builders.datasets import as_part10, make_dataset


def attributes_of(ds):
    return extract_attributes(read_header(io.BytesIO(as_part10(ds))))


def raw_attributes(*elements):
    data = build.part10(build.identity() + b"".join(elements))
    return extract_attributes(read_header(io.BytesIO(data)))


def test_extract_attributes_takes_all_levels():
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SPS1"
    ds = make_dataset(
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Jörg",
        IssuerOfPatientID="Hospital",
        ReferringPhysicianName="Überweiser^U",
        SeriesDescription="Axial",
        BodyPartExamined="CHEST",
        RequestAttributesSequence=[request],
        ContentDate="20240301",
    )

    found = attributes_of(ds)

    assert found.patient.dicom_patient_id == "TEST-1"
    assert found.patient.issuer_of_patient_id == "Hospital"
    assert found.patient.patient_name == "Müller^Jörg"
    assert found.patient.patient_name_search == "muller jorg"
    assert found.patient.patient_birth_date == datetime.date(1970, 1, 31)
    assert found.study.study_date == datetime.date(2024, 2, 29)
    assert found.study.referring_physician_name_search == "uberweiser u"
    assert found.study.specific_character_set == "ISO_IR 100"
    assert found.series.modality == "CT"
    assert found.series.body_part_examined == "CHEST"
    assert found.series.request_attributes == [
        {"RequestedProcedureID": "RP1", "ScheduledProcedureStepID": "SPS1"}
    ]
    assert found.instance.sop_instance_uid == ds.SOPInstanceUID
    assert (found.instance.rows, found.instance.columns) == (16, 12)
    assert found.instance.number_of_frames == 1
    assert found.instance.image_orientation_patient == [1, 0, 0, 0, 1, 0]
    assert found.instance.content_date == datetime.date(2024, 3, 1)
    assert found.cleaned == ()


def test_extract_attributes_of_a_bare_instance_is_empty_but_whole():
    found = raw_attributes()

    assert found.patient.dicom_patient_id == ""
    assert found.patient.patient_birth_date is None
    assert found.series.request_attributes == []
    assert found.instance.number_of_frames is None
    assert not found.instance.has_pixel_data
    assert found.cleaned == ()


@pytest.mark.parametrize(
    ("part", "model"),
    [("patient", Patient), ("study", Study), ("series", Series), ("instance", Instance)],
)
def test_fields_are_fields_of_the_models_and_fit_their_columns(part, model):
    long = "".join(
        build.text(tag, vr, "y" * 2000).decode("latin-1")
        for tag, vr in (
            (0x00100010, "PN"),
            (0x00100020, "LO"),
            (0x00100021, "LO"),
            (0x00100040, "CS"),
            (0x00080005, "CS"),
            (0x00080050, "SH"),
            (0x00081030, "LO"),
            (0x00080090, "PN"),
            (0x00101010, "AS"),
            (0x00080201, "SH"),
            (0x00200010, "SH"),
            (0x00080060, "CS"),
            (0x0008103E, "LO"),
            (0x00180015, "CS"),
            (0x00200060, "CS"),
            (0x00181030, "LO"),
            (0x00080070, "LO"),
            (0x00081090, "LO"),
            (0x00081010, "SH"),
            (0x00080080, "LO"),
            (0x00280004, "CS"),
            (0x00200052, "UI"),
        )
    ).encode("latin-1")
    values = dataclasses.asdict(getattr(raw_attributes(long), part))

    for name, value in values.items():
        limit = model._meta.get_field(name).max_length if isinstance(value, str) else None
        assert limit is None or len(value) <= limit, name


def test_long_patient_ids_stay_different():
    one = raw_attributes(build.text(0x00100020, "LO", "x" * 70 + "1"))
    two = raw_attributes(build.text(0x00100020, "LO", "x" * 70 + "2"))

    assert one.patient.dicom_patient_id != two.patient.dicom_patient_id
    assert len(one.patient.dicom_patient_id) == 64
    assert one.cleaned == ("PatientID",)


def test_bad_optional_values_become_none_and_are_noted():
    found = raw_attributes(
        build.text(0x00080020, "DA", "notadate"),
        build.text(0x00080030, "TM", "99"),
        build.element(0x00100020, "LO", b"A\0B"),
        build.text(0x00200011, "IS", "x"),
        build.text(0x00200052, "UI", "../.."),
        build.text(0x00200032, "DS", "1\\2"),
    )

    assert found.study.study_date is None
    assert found.patient.dicom_patient_id == "A B"
    assert found.series.frame_of_reference_uid == ""
    assert found.instance.image_position_patient is None
    assert set(found.cleaned) == {
        "StudyDate",
        "StudyTime",
        "PatientID",
        "SeriesNumber",
        "FrameOfReferenceUID",
        "ImagePositionPatient",
    }


def test_all_groups_of_a_japanese_name_are_searchable():
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    found = raw_attributes(
        build.text(0x00080005, "CS", "\\ISO 2022 IR 87"), build.element(0x00100010, "PN", name)
    )

    assert found.patient.patient_name == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert found.patient.patient_name_search == "yamada tarou=山田 太郎=やまた たろう"


@pytest.mark.parametrize("undefined", [True, False])
def test_multi_frame_position_is_that_of_the_first_frame(undefined):
    def group(tag, inner):
        return build.sequence(tag, build.item(inner), undefined=undefined)

    frames = [
        build.item(group(0x00209113, build.text(0x00200032, "DS", f"1\\2\\{number}")))
        for number in range(3)
    ]
    shared = build.item(group(0x00209116, build.text(0x00200037, "DS", "1\\0\\0\\0\\1\\0")))

    found = raw_attributes(
        build.sequence(0x52009229, shared, undefined=undefined),
        build.sequence(0x52009230, *frames, undefined=undefined),
    )

    assert found.instance.image_position_patient == [1, 2, 0]
    assert found.instance.image_orientation_patient == [1, 0, 0, 0, 1, 0]


def test_extract_attributes_never_raises_for_an_accepted_real_file(real_files):
    for path in real_files:
        try:
            header = read_header(path)
        except InvalidInstanceError:
            continue
        found = extract_attributes(header)
        assert found.study.study_instance_uid == header.ds.StudyInstanceUID
        for name in (found.patient.patient_name, found.study.study_description):
            assert name.isprintable()


def test_reading_and_extracting_a_ct_slice_takes_about_a_millisecond():
    path = TEST_FILES / "CT_small.dcm"
    durations = []
    for _ in range(30):
        start = time.process_time()
        extract_attributes(read_header(path))
        durations.append(time.process_time() - start)

    assert min(durations) < 0.004  # 0.8 ms on a quiet machine
