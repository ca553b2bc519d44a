"""The modality worklist, as a modality asks for it."""

from __future__ import annotations

import datetime
import io

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from archive.dicom.charsets import fold_text
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import ScheduledStep
from archive.scheduling.selectors import find_step, list_steps, matching, unsupported_keys

DAY = datetime.date(2026, 7, 6)


@pytest.fixture
def make_step(project):
    count = iter(range(1, 1000))

    def make(**values) -> ScheduledStep:
        number = next(count)
        name = values.pop("patient_name", "Doe^Jane")
        return ScheduledStep.objects.create(
            **{
                "project": project,
                "dicom_patient_id": f"P{number}",
                "patient_name": name,
                "patient_name_search": fold_text(name),
                "accession_number": f"A{number}",
                "study_instance_uid": f"1.2.826.0.1.77.{number}",
                "requested_procedure_id": f"R{number}",
                "scheduled_step_id": f"S{number}",
                "modality": "CT",
                "scheduled_station_ae_title": "CT1",
                "scheduled_date": DAY,
                "scheduled_time": datetime.time(9, 30),
                **values,
            }
        )

    return make


def keys(**step_keys: str) -> Dataset:
    identifier, item = Dataset(), Dataset()
    identifier.PatientName = identifier.PatientID = identifier.AccessionNumber = ""
    identifier.StudyInstanceUID = ""
    for keyword in ("Modality", "ScheduledProcedureStepStartDate", "ScheduledProcedureStepID"):
        setattr(item, keyword, "")
    for keyword, value in step_keys.items():
        setattr(item, keyword, value)
    identifier.ScheduledProcedureStepSequence = [item]
    return identifier


def read_back(answer: Dataset) -> Dataset:
    """The answer as a modality reads it from the wire."""
    return decode(io.BytesIO(encode(answer, True, True)), True, True)


def found(user, identifier: Dataset) -> list[str]:
    return [answer.AccessionNumber for answer in matching(user, identifier)]


def test_universal_query_gives_open_steps_with_the_keys_asked_for(make_step, radiologist) -> None:
    make_step()
    make_step(state="COMPLETED")

    [answer] = matching(radiologist, keys())

    assert str(answer.PatientName) == "Doe^Jane"
    [step] = answer.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledProcedureStepStartDate) == ("CT", "20260706")
    assert "ScheduledStationAETitle" not in step
    assert "SpecificCharacterSet" not in answer, "the default repertoire is enough"


@pytest.mark.parametrize(
    ("asked", "name", "answered"),
    [
        ("ISO_IR 100", "Müller^Ärne", "ISO_IR 100"),
        ("ISO_IR 101", "Włódz^Ewa", "ISO_IR 101"),
        ("ISO_IR 100", "Włódz^Ewa", "ISO_IR 192"),
        ("GB18030", "Wang^XiaoDong=王^小东", "GB18030"),
        ("ISO_IR 192", "Müller^Ärne", "ISO_IR 192"),
        (["ISO 2022 IR 6", "ISO 2022 IR 100"], "Müller^Ärne", "ISO_IR 192"),
        (None, "Müller^Ärne", "ISO_IR 192"),
    ],
)
def test_entries_come_in_the_modalitys_own_character_set(
    make_step, radiologist, asked, name, answered
) -> None:
    make_step(patient_name=name)
    identifier = keys(Modality="")
    if asked:
        identifier.SpecificCharacterSet = asked

    [answer] = matching(radiologist, identifier)

    assert answer.SpecificCharacterSet == answered
    assert read_back(answer).PatientName == name


@pytest.mark.parametrize(
    ("step_keys", "accession_numbers"),
    [
        ({"Modality": "MR"}, ["A2"]),
        ({"ScheduledStationAETitle": "MR*"}, ["A2"]),
        ({"ScheduledProcedureStepStartDate": "20260706"}, ["A1"]),
        ({"ScheduledProcedureStepStartDate": "20260707-"}, ["A2"]),
        ({"ScheduledProcedureStepStartDate": "*"}, ["A1", "A2"]),
        (
            {
                "ScheduledProcedureStepStartDate": "20260705-20260706",
                "ScheduledProcedureStepStartTime": "1000-0930",
            },
            ["A1"],
        ),
        ({"ScheduledProcedureStepStatus": "COMPLETED"}, ["A3"]),
    ],
    ids=str,
)
def test_keys_of_the_step_narrow(make_step, radiologist, step_keys, accession_numbers) -> None:
    make_step()
    make_step(
        modality="MR",
        scheduled_station_ae_title="MR1",
        scheduled_date=DAY + datetime.timedelta(days=1),
    )
    make_step(state="COMPLETED")

    assert found(radiologist, keys(**step_keys)) == accession_numbers


def test_patient_is_found_by_id_and_by_name_without_regard_to_case(make_step, radiologist) -> None:
    make_step(patient_name="Müller^Ärne")
    make_step()
    by_name, by_id = keys(), keys()
    by_name.PatientName, by_id.PatientID = "muller*", "P2"

    assert found(radiologist, by_name) == ["A1"]
    assert found(radiologist, by_id) == ["A2"]


def test_keys_that_entries_have_no_attribute_for_are_named_and_not_matched(
    make_step, radiologist
) -> None:
    make_step()
    identifier = keys(Modality="CT")
    code = Dataset()
    code.CodeValue = code.CodeMeaning = ""
    identifier.RequestedProcedureCodeSequence = [code]
    identifier.InstitutionName = "Elsewhere"
    identifier.add_new(0x00090010, "LO", "ACME")
    identifier.add_new(0x00091001, "OB", b"\1\2")
    # Group lengths are retired, and still sent.
    identifier.add_new(0x00080000, "UL", 100)
    (item,) = identifier.ScheduledProcedureStepSequence
    item.CommentsOnThePerformedProcedureStep = "x"
    item.add_new(0x00400000, "UL", 100)

    [answer] = matching(radiologist, identifier)

    assert answer.InstitutionName in {"", None}
    assert answer.AccessionNumber == "A1"
    assert 0x00080000 not in answer
    assert 0x00400000 not in answer.ScheduledProcedureStepSequence[0]
    assert unsupported_keys(identifier) == ["00080080", "00090010", "00091001", "00400280"]
    assert unsupported_keys(keys()) == []


def test_steps_of_other_projects_are_not_there(make_step, outsider) -> None:
    step = make_step()

    assert found(outsider, keys()) == []
    with pytest.raises(NotVisibleError):
        find_step(outsider, step.pk)


def test_value_that_is_no_date_is_refused_before_the_first_answer(radiologist) -> None:
    with pytest.raises(InvalidRequestError):
        matching(radiologist, keys(ScheduledProcedureStepStartDate="07/06/2026"))


def test_list_is_narrowed_by_days_and_patient(make_step, radiologist) -> None:
    make_step(patient_name="Roe^Richard")
    make_step(scheduled_date=DAY + datetime.timedelta(days=9))

    assert [step.pk for step in list_steps(radiologist, last_day=DAY)] == [
        step.pk for step in list_steps(radiologist, patient="roe")
    ]
    assert not list_steps(radiologist, modality="MR").exists()
