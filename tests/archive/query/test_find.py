"""Identifiers of C-FIND, encoded as a peer sends them, against rows."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pynetdicom.dsutils import encode

from archive.dicom.charsets import fold_name
from archive.errors import InvalidRequestError
from archive.query.find import LEVELS, find
from archive.query.types import Level
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def received(**values):
    """Make an identifier and decode it from its bytes, as an association does."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    encoding = values.get("SpecificCharacterSet")
    write_dataset(buffer, ds, "latin-1" if encoding == "ISO_IR 100" else "utf-8")
    buffer.seek(0)
    return read_dataset(buffer, is_implicit_VR=True, is_little_endian=True)


@pytest.fixture
def study(project):
    name = "Größe^Øle"
    return StudyFactory(
        projects=[project],
        study_instance_uid="1.2.3",
        study_date=datetime.date(2024, 2, 29),
        accession_number="ACC-1",
        modalities_in_study=["CT", "SR"],
        number_of_study_related_instances=12,
        patient=PatientFactory(
            dicom_patient_id="PAT-1", patient_name=name, patient_name_search=fold_name(name)
        ),
    )


def test_a_study_query_returns_what_was_asked_for(study, radiologist):
    keys = received(
        QueryRetrieveLevel="STUDY",
        SpecificCharacterSet="ISO_IR 100",
        PatientName="GRÖSSE*",
        StudyDate="20240101-20241231",
        ModalitiesInStudy="CT",
        NumberOfStudyRelatedInstances=None,
        AccessionNumber="",
        StudyDescription="",
    )

    (answer,) = find(user=radiologist, level=Level.STUDY, keys=keys, retrieve_ae_title="TWIN")

    assert answer.QueryRetrieveLevel == "STUDY"
    assert answer.RetrieveAETitle == "TWIN"
    assert answer.SpecificCharacterSet == "ISO_IR 100"
    assert answer.PatientName == "Größe^Øle"
    assert answer.StudyInstanceUID == "1.2.3"
    assert answer.PatientID == "PAT-1"
    assert answer.NumberOfStudyRelatedInstances == 12
    assert list(answer.ModalitiesInStudy) == ["CT", "SR"]
    assert not answer.StudyDescription
    assert "StudyTime" not in answer
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, answer, "latin-1")


def test_an_answer_is_in_utf_8_where_the_requests_character_set_lacks_a_letter(study, radiologist):
    study.patient.patient_name = "Yamada^Tarou=山田^太郎"
    study.patient.save()
    keys = received(SpecificCharacterSet="ISO_IR 100", PatientName="")

    (answer,) = find(user=radiologist, level=Level.STUDY, keys=keys)

    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.PatientName.ideographic == "山田^太郎"


@pytest.mark.parametrize("asked", ["", "ISO_IR 100", "GB18030", "ISO_IR 192"])
def test_answers_are_written_as_pydicom_writes_their_values(study, radiologist, asked):
    request = {"ScheduledProcedureStepID": "S1"}
    SeriesFactory(study=study, modality="MR", series_number=3, request_attributes=[request])
    study.patient.patient_name, study.study_description = "Größe^Øle=山田", "Kopf"
    study.patient.save()
    study.save()
    names = ("PatientName", "PatientID", "StudyDate", "ModalitiesInStudy", "StudyDescription")
    names += ("AccessionNumber", "NumberOfStudyRelatedInstances", "Modality", "SeriesNumber")
    keys = received(SpecificCharacterSet=asked, **dict.fromkeys(names, ""))
    keys.RequestAttributesSequence = [Dataset()]
    kinds = ((True, True), (False, True), (False, False))

    for level in (Level.STUDY, Level.SERIES):
        for answer in find(user=radiologist, level=level, keys=keys, retrieve_ae_title="TWIN"):
            written = [encode(answer, *kind) for kind in kinds]
            plain = Dataset()
            for element in answer:
                plain.add_new(element.tag, element.VR, element.value)
            assert written == [encode(plain, *kind) for kind in kinds]


def test_series_and_instances_below(study, radiologist):
    requests = [{"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}]
    series = SeriesFactory(study=study, series_number=3, request_attributes=requests)
    SeriesFactory(study=study, modality="MR")
    instance = InstanceFactory(series=series, instance_number=7)
    item = Dataset()
    item.ScheduledProcedureStepID = "S?"

    (found,) = find(
        user=radiologist,
        level=Level.SERIES,
        keys=received(
            StudyInstanceUID="1.2.3", RequestAttributesSequence=[item], SeriesNumber=None
        ),
    )
    (image,) = find(
        user=radiologist,
        level=LEVELS["IMAGE"],
        keys=received(
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID=found.SeriesInstanceUID,
            InstanceNumber="7",
        ),
    )

    assert (found.SeriesInstanceUID, found.SeriesNumber) == (series.series_instance_uid, 3)
    assert found.RequestAttributesSequence[0].RequestedProcedureID == "R1"
    assert image.SOPInstanceUID == instance.sop_instance_uid
    assert image.QueryRetrieveLevel == "IMAGE"


def test_lists_of_uids_and_patients(study, radiologist, project):
    StudyFactory(projects=[project], study_instance_uid="1.2.4", patient=study.patient)
    keys = received(StudyInstanceUID=["1.2.3", "1.2.4", "1.2.5"])

    assert len(list(find(user=radiologist, level=Level.STUDY, keys=keys))) == 2
    (patient,) = find(user=radiologist, level=Level.PATIENT, keys=received(PatientID="PAT*"))
    assert patient.PatientID == "PAT-1"
    assert "StudyInstanceUID" not in patient


def test_keys_that_the_level_does_not_have_are_named(study, radiologist):
    found = find(
        user=radiologist,
        level=Level.STUDY,
        keys=received(Modality="MR", PatientComments="x", StudyInstanceUID=""),
    )

    assert len(list(found)) == 1
    assert found.unsupported == ("Modality", "PatientComments")


def test_keys_that_are_not_matched_may_hold_anything(study, radiologist):
    code, reference = Dataset(), Dataset()
    code.CodeValue = code.CodeMeaning = ""
    reference.ReferencedSOPInstanceUID = "1.2.3"
    asked = received(
        PatientID="PAT*",
        ProcedureCodeSequence=[code],
        ReferencedStudySequence=[reference],
        ReferencedPatientSequence=[Dataset()],
    )
    # In Implicit VR nothing tells that these are no texts.
    asked.add_new(0x00090010, "LO", "ACME")
    asked.add_new(0x00091001, "UN", b"\1\2\0\xff")
    asked.add_new(0x00091002, "UN", b"\xfe\xff\x00\xe0\0\0\0\0")

    found = find(user=radiologist, level=Level.STUDY, keys=asked)

    assert [answer.StudyInstanceUID for answer in found] == ["1.2.3"]
    assert found.unsupported == (
        "ProcedureCodeSequence",
        "ReferencedStudySequence",
        "ReferencedPatientSequence",
        "00090010",
        "00091001",
        "00091002",
    )


def test_keys_of_a_sequences_item_are_matched_and_others_named(study, radiologist):
    for number in (1, 2):
        request = {"ScheduledProcedureStepID": f"S{number}"}
        SeriesFactory(study=study, series_number=number, request_attributes=[request])
    item = Dataset()
    item.ScheduledProcedureStepID, item.AccessionNumber, item.RequestedProcedureID = "S2", "A", ""
    asked = received(StudyInstanceUID="1.2.3", SeriesNumber="")
    asked.RequestAttributesSequence = [item]

    found = find(user=radiologist, level=Level.SERIES, keys=asked)

    assert [answer.SeriesNumber for answer in found] == [2]
    assert found.unsupported == ("RequestAttributesSequence.AccessionNumber",)


def test_nothing_outside_the_askers_rights_is_found(study, outsider):
    keys = received(StudyInstanceUID="1.2.3")

    assert list(find(user=outsider, level=Level.STUDY, keys=keys)) == []
    assert list(find(user=AnonymousUser(), level=Level.STUDY, keys=keys)) == []


def test_a_malformed_key_is_refused(study, radiologist):
    with pytest.raises(InvalidRequestError):
        list(find(user=radiologist, level=Level.STUDY, keys=received(StudyInstanceUID="1.2.*")))
