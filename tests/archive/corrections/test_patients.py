"""Corrected patients are served everywhere; undone all is as before; what comes later follows."""

import io
import json

import pytest

from archive.corrections.patients import edit_patient, merge_patients
from archive.corrections.undoing import undo_correction
from archive.dicom.reading import read_dataset
from archive.errors import (
    InvalidRequestError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.forwarding.dimse_outgoing import OutgoingInstance
from archive.models import AuditEvent, Correction, OutboxEvent, Patient, PatientAlias, Study
from archive.retrieve.files import outgoing_file
from archive.retrieve.outgoing import outgoing_instance
from tests.archive.corrections.served import (
    by,
    file_bytes,
    file_of,
    found,
    instance,
    metadata_of,
    sent,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(project):
    (row,) = store_datasets(make_dataset(SpecificCharacterSet="ISO_IR 100"), project=project)
    return row


def edit(user, patient, reason="misspelt", **values):
    return edit_patient(asker=by(user), patient_id=patient.pk, values=values, reason=reason)


def merge(user, source, target):
    return merge_patients(
        asker=by(user), source_id=source.pk, target_id=target.pk, reason="one person"
    )


def undo(user, correction):
    return undo_correction(asker=by(user), correction_id=correction.pk)


def test_an_edited_patient_is_served_so_with_the_originals_beside(stored, archive_admin):
    uid, patient = stored.sop_instance_uid, Patient.objects.get()
    before = file_bytes(uid)

    correction = edit(archive_admin, patient, PatientName="Łukasz^Jan", PatientID="NEW-1")

    for ds in (file_of(uid), sent(uid)):
        assert str(ds.PatientName) == "Łukasz^Jan"
        assert ds.PatientID == "NEW-1"
        assert ds.StudyDescription == "Thorax"
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        (item,) = ds.OriginalAttributesSequence
        assert item.ReasonForTheAttributeModification == "CORRECT"
        assert item.ModifiedAttributesSequence[0].PatientID == "TEST-1"
        assert item.ModifiedAttributesSequence[0].PatientName == "Doe^Jane"
        assert ds.PixelData == file_of(uid).PixelData
    document = metadata_of(uid)
    assert document["00100010"]["Value"] == [{"Alphabetic": "Łukasz^Jan"}]
    assert document["04000561"]["Value"][0]["04000550"]["Value"][0]["00100020"]["Value"] == [
        "TEST-1"
    ]
    assert list(document) == sorted(document)
    (row,) = found(archive_admin, PatientName="lukasz*")
    assert row["PatientID"] == "NEW-1"
    assert len(found(archive_admin, PatientID="TEST-1")) == 1, "the former ID resolves"
    event = AuditEvent.objects.get(act="correct")
    assert event.event_id == "110110"
    assert "ukasz" not in json.dumps(event.details), "no values in the trail"
    assert OutboxEvent.objects.filter(kind="studies_corrected").exists()

    undo(archive_admin, correction)

    assert file_bytes(uid) == before
    assert "04000561" not in metadata_of(uid)
    assert not found(archive_admin, PatientID="NEW-1")
    assert AuditEvent.objects.filter(act="undo-correction").exists()
    with pytest.raises(StateConflictError):
        undo(archive_admin, correction)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_a_corrected_file_keeps_its_encoding_and_its_pixels(project, archive_admin, syntax):
    ds = make_dataset(transfer_syntax=syntax, NumberOfFrames=40)
    (stored,) = store_datasets(ds, project=project)
    edit(archive_admin, stored.series.study.patient, PatientName="Roe^Jane")

    outgoing = outgoing_instance(stored_row := instance(stored.sop_instance_uid), [syntax])
    file = outgoing_file(stored_row, ("*",))
    content = b"".join(file.chunks)

    for whole in (content, b"".join(outgoing.part10_chunks())):
        made = read_dataset(io.BytesIO(whole))
        assert made.PatientName == "Roe^Jane"
        assert made.PixelData == ds.PixelData or syntax.endswith("2.2")
        assert len(made.PixelData) == len(ds.PixelData)
    assert len(content) == file.size_bytes
    assert len(outgoing.dataset_bytes()) == outgoing.size_bytes
    sending = OutgoingInstance(stored_row).encoded([syntax])
    assert len(sending.content) - sending.dataset_offset == outgoing.size_bytes


def test_what_arrives_under_the_former_identity_follows(stored, archive_admin, project):
    patient = Patient.objects.get()
    correction = edit(archive_admin, patient, PatientName="Roe^Jane", PatientBirthDate="1971-01-31")
    study_uid = stored.series.study.study_instance_uid

    same, new = store_datasets(
        make_dataset(StudyInstanceUID=study_uid), make_dataset(), project=project
    )

    assert Patient.objects.count() == 1
    for row in (same, new):
        ds = file_of(row.sop_instance_uid)
        assert (ds.PatientName, ds.PatientBirthDate) == ("Roe^Jane", "19710131")
        assert ds.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientName == (
            "Doe^Jane"
        )
    (right,) = store_datasets(
        make_dataset(
            StudyInstanceUID=study_uid, PatientName="Roe^Jane", PatientBirthDate="19710131"
        ),
        project=project,
    )
    assert "OriginalAttributesSequence" not in file_of(right.sop_instance_uid)

    undo(archive_admin, correction)

    for row in (stored, same, new, right):
        assert file_of(row.sop_instance_uid).PatientName == "Doe^Jane"
    assert Patient.objects.get().patient_name == "Doe^Jane"


def test_merged_patients_are_one_until_that_is_undone(stored, archive_admin, project):
    other, later = store_datasets(
        make_dataset(PatientID="TEST-2", PatientName="Doe^Janet"),
        make_dataset(PatientID="TEST-2", PatientName="Doe^Janet"),
        project=project,
    )
    source = other.series.study.patient
    target = stored.series.study.patient
    before = file_bytes(other.sop_instance_uid)

    correction = merge(archive_admin, source, target)

    assert set(Study.objects.values_list("patient", flat=True)) == {target.pk}
    assert {row["PatientID"] for row in found(archive_admin, PatientID="TEST-2")} == {"TEST-1"}
    assert file_of(other.sop_instance_uid).PatientID == "TEST-1"
    (arrived,) = store_datasets(
        make_dataset(PatientID="TEST-2", PatientName="Doe^Janet"), project=project
    )
    assert instance(arrived.sop_instance_uid).series.study.patient == target
    assert file_of(arrived.sop_instance_uid).PatientName == "Doe^Jane"
    with pytest.raises(NotVisibleError):
        merge(archive_admin, source, target)

    undo(archive_admin, correction)

    assert file_bytes(other.sop_instance_uid) == before
    for row in (other, later, arrived):
        assert instance(row.sop_instance_uid).series.study.patient == source
        assert file_of(row.sop_instance_uid).PatientID == "TEST-2"
    assert not PatientAlias.objects.filter(is_active=True).exists()
    assert len(found(archive_admin, PatientID="TEST-2")) == 3


def test_an_identity_in_doubt_is_decided_by_a_merge(stored, archive_admin, project):
    (doubtful,) = store_datasets(make_dataset(PatientName="Doe^Jan"), project=project)
    conflict = doubtful.series.study.patient
    assert conflict.conflict_of == stored.series.study.patient

    merge(archive_admin, conflict, conflict.conflict_of)

    (again,) = store_datasets(make_dataset(PatientName="Doe^Jan"), project=project)
    assert again.series.study.patient == stored.series.study.patient
    assert file_of(again.sop_instance_uid).PatientName == "Doe^Jane"


def test_only_the_last_correction_can_be_undone(stored, archive_admin):
    patient = Patient.objects.get()
    first = edit(archive_admin, patient, PatientName="Roe^Jane")
    second = edit(archive_admin, patient, PatientName="Roe^Jean")
    ds = file_of(stored.sop_instance_uid)
    assert len(ds.OriginalAttributesSequence) == 2

    with pytest.raises(StateConflictError, match=str(second.pk)):
        undo(archive_admin, first)
    undo(archive_admin, second)
    undo(archive_admin, first)

    assert Patient.objects.get().patient_name == "Doe^Jane"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"PatientBirthDate": "31.01.1970"}, "x"),
        ({"PatientSex": "female"}, "x"),
        ({"PatientName": "a^b^c^d^e^f"}, "x"),
        ({"PatientID": "a" * 65}, "x"),
        ({"PatientName": "Doe\nJane"}, "x"),
        ({"Modality": "CT"}, "x"),
        ({"PatientName": "Doe^Jane"}, "x"),
        ({"PatientName": "Roe^Jane"}, " \n"),
    ],
)
def test_what_is_no_correction_is_refused(stored, archive_admin, values, reason):
    with pytest.raises(InvalidRequestError):
        edit(archive_admin, Patient.objects.get(), reason=reason, **values)
    assert not Correction.objects.exists()


def test_only_radiology_admins_of_all_projects_correct(
    stored, archive_admin, radiologist, outsider, other_project
):
    from tests.fixtures.people import _user

    admin = _user("chest_admin", "radiology_admin", stored.series.study.projects.get())
    patient = Patient.objects.get()
    with pytest.raises(NotAllowedError):
        edit(radiologist, patient, PatientName="Roe^Jane")
    with pytest.raises(NotVisibleError):
        edit(outsider, patient, PatientName="Roe^Jane")
    store_datasets(make_dataset(), project=other_project)
    with pytest.raises(NotAllowedError):
        edit(admin, patient, PatientName="Roe^Jane")
    correction = edit(archive_admin, patient, PatientName="Roe^Jane")
    with pytest.raises(NotVisibleError):
        undo(radiologist, correction)
    with pytest.raises(NotAllowedError):
        undo(admin, correction)


def test_an_id_of_somebody_else_is_refused(stored, archive_admin, project):
    (other,) = store_datasets(make_dataset(PatientID="TEST-2"), project=project)
    with pytest.raises(StateConflictError):
        edit(archive_admin, other.series.study.patient, PatientID="TEST-1")
