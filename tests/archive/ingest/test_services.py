"""The contract of a store: durable, idempotent, nothing dropped, nobody merged silently."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import DataError, connection

from archive.ingest import services
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, IngestResult, Origin, Outcome
from archive.models import (
    AuditEvent,
    Blob,
    Instance,
    OutboxEvent,
    Patient,
    Quarantine,
    Series,
    Study,
)
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db


def store(*contents: bytes, origin: Origin | None = None) -> list[IngestResult]:
    spools = [spool_stream([content]) for content in contents]
    try:
        files = [IncomingFile(spool, name=f"file-{n}.dcm") for n, spool in enumerate(spools)]
        return ingest_files(files=files, origin=origin or Origin(door="test"))
    finally:
        for spool in spools:
            spool.close()


def instance(number: int = 1, **attributes: object) -> bytes:
    values: dict[str, object] = {
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "SOPInstanceUID": f"1.2.3.1.{number}",
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "Modality": "CT",
        "InstanceNumber": number,
    }
    return as_part10(make_dataset(**{**values, **attributes}))


def test_store_keeps_bytes_exactly_and_writes_every_row() -> None:
    content = instance()

    (result,) = store(content)

    assert result.outcome is Outcome.STORED
    row = Instance.objects.get(sop_instance_uid="1.2.3.1.1")
    assert row.blob.sha256 == hashlib.sha256(content).hexdigest()
    assert blob_store().path(row.blob.sha256).read_bytes() == content
    assert row.series.study.patient.dicom_patient_id == "P1"
    assert OutboxEvent.objects.get().payload["instance_ids"] == [row.pk]
    assert AuditEvent.objects.get().act == "store"


def test_store_leaves_no_spool_file() -> None:
    store(instance(), b"no DICOM at all")

    assert list((blob_store().root / "spool").iterdir()) == []


def test_counts_and_lists_are_kept_at_write_time() -> None:
    store(instance(1), instance(2))
    store(instance(3, SeriesInstanceUID="1.2.3.2", Modality="SR", BodyPartExamined="CHEST"))

    study = Study.objects.get()
    assert study.number_of_study_related_series == 2
    assert study.number_of_study_related_instances == 3
    assert study.modalities_in_study == ["CT", "SR"]
    counts = Series.objects.order_by("pk").values_list(
        "number_of_series_related_instances", flat=True
    )
    assert list(counts) == [2, 1]


def test_same_instance_again_is_a_success_that_changes_nothing() -> None:
    content = instance()
    store(content)

    (result,) = store(content)

    assert result.outcome is Outcome.DUPLICATE
    assert Instance.objects.count() == Blob.objects.count() == OutboxEvent.objects.count() == 1
    assert Study.objects.get().number_of_study_related_instances == 1


def test_same_instance_twice_in_one_batch_is_stored_once() -> None:
    results = store(instance(), instance())

    assert [r.outcome for r in results] == [Outcome.STORED, Outcome.DUPLICATE]
    assert Instance.objects.count() == 1


def test_other_content_under_a_known_uid_is_refused_and_kept_apart() -> None:
    first = instance()
    second = instance(InstanceNumber=7)
    store(first)

    (result,) = store(second)

    assert result.outcome is Outcome.QUARANTINED
    assert result.error is not None
    assert result.error.code == "sop-instance-conflict"
    entry = Quarantine.objects.get()
    assert entry.sop_instance_uid == "1.2.3.1.1"
    assert entry.blob is not None
    assert blob_store().path(entry.blob.sha256).read_bytes() == second
    assert blob_store().path(Instance.objects.get().blob.sha256).read_bytes() == first


def test_bad_file_never_rolls_back_its_siblings() -> None:
    results = store(instance(1), b"not DICOM", instance(2)[:-40], instance(3))

    assert [r.outcome for r in results] == [
        Outcome.STORED,
        Outcome.QUARANTINED,
        Outcome.QUARANTINED,
        Outcome.STORED,
    ]
    assert Instance.objects.count() == 2
    assert set(Quarantine.objects.values_list("reason_code", flat=True)) == {
        "not-dicom",
        "truncated",
    }


def test_same_bad_bytes_again_are_one_quarantine_entry() -> None:
    store(b"not DICOM")
    store(b"not DICOM")

    assert Quarantine.objects.count() == 1


def test_empty_file_is_quarantined_without_bytes() -> None:
    (result,) = store(b"")

    assert result.outcome is Outcome.QUARANTINED
    assert Quarantine.objects.get().blob is None


def test_nul_in_text_is_cleaned_in_the_index_and_kept_in_the_file() -> None:
    content = instance(StudyDescription="Chest\x00CT")

    (result,) = store(content)

    assert result.outcome is Outcome.STORED
    assert Study.objects.get().study_description == "Chest CT"
    assert "StudyDescription" in result.warnings
    row = Instance.objects.get()
    assert "StudyDescription" in row.cleaned_keywords
    assert blob_store().path(row.blob.sha256).read_bytes() == content


def test_contradicting_patient_under_one_id_is_kept_apart() -> None:
    store(instance())
    store(
        instance(
            StudyInstanceUID="1.2.4",
            SeriesInstanceUID="1.2.4.1",
            SOPInstanceUID="1.2.4.1.1",
            PatientName="Roe^Richard",
        )
    )

    first, second = Patient.objects.order_by("pk")
    assert second.conflict_of == first
    assert Study.objects.get(study_instance_uid="1.2.4").patient == second


def test_third_study_of_the_kept_apart_patient_joins_it() -> None:
    for number, name in enumerate(["Doe^Jane", "Roe^Richard", "Roe^Richard"]):
        uid = f"1.2.{number + 10}"
        store(
            instance(
                StudyInstanceUID=uid,
                SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.1",
                PatientName=name,
            )
        )

    assert Patient.objects.count() == 2


def test_unknown_values_contradict_nothing_and_are_filled_in() -> None:
    store(instance(PatientBirthDate="", PatientSex=""))
    store(instance(StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.4.1", SOPInstanceUID="1.2.4.2"))

    patient = Patient.objects.get()
    assert patient.patient_sex == "F"
    assert str(patient.patient_birth_date) == "1970-01-01"


def test_studies_without_patient_id_are_never_joined() -> None:
    store(instance(PatientID=""))
    store(
        instance(
            StudyInstanceUID="1.2.4",
            SeriesInstanceUID="1.2.4.1",
            SOPInstanceUID="1.2.4.1.1",
            PatientID="",
        )
    )

    assert Patient.objects.count() == 2


def test_instance_of_another_patient_in_a_known_study_is_refused() -> None:
    store(instance(1))

    (result,) = store(instance(2, PatientID="P2"))

    assert result.error is not None
    assert result.error.code == "patient-mismatch"
    assert Study.objects.get().number_of_study_related_instances == 1


def test_in_a_known_study_a_missing_issuer_says_nothing_and_another_one_contradicts() -> None:
    store(instance(PatientID="A", PatientName="One^A", IssuerOfPatientID="HOSPITAL"))

    (without,) = store(instance(2, PatientID="A", PatientName="One^A"))
    (other,) = store(instance(3, PatientID="A", PatientName="One^A", IssuerOfPatientID="ELSEWHERE"))

    assert without.error is None
    assert other.error is not None
    assert other.error.code == "patient-mismatch"
    assert Patient.objects.get().issuer_of_patient_id == "HOSPITAL"


def test_series_uid_of_another_study_is_refused_and_leaves_no_empty_study() -> None:
    store(instance(1))

    (result,) = store(instance(2, StudyInstanceUID="1.2.9"))

    assert result.error is not None
    assert result.error.code == "hierarchy-conflict"
    assert Study.objects.count() == 1


def test_study_goes_to_its_doors_project(project: Project) -> None:
    store(instance(), origin=Origin(door="test", project=project))

    assert list(Study.objects.get().projects.all()) == [project]


def test_study_that_no_door_claims_is_unassigned(unassigned: Project) -> None:
    store(instance())

    assert list(Study.objects.get().projects.all()) == [unassigned]


def test_outsider_cannot_add_to_a_study_they_may_not_see(
    project: Project, radiologist: User, outsider: User
) -> None:
    store(instance(1), origin=Origin(door="test", actor=radiologist))

    (result,) = store(instance(2), origin=Origin(door="test", actor=outsider))

    assert result.error is not None
    assert result.error.code == "not-allowed"
    assert Study.objects.get().number_of_study_related_instances == 1
    assert Quarantine.objects.count() == 1


def test_an_outsider_is_not_told_of_a_study_that_was_deleted(
    radiologist: User, colleague: User, outsider: User
) -> None:
    store(instance(1), origin=Origin(door="test", actor=radiologist))
    Study.objects.update(withheld="deleted")
    Series.objects.update(withheld="deleted")
    Instance.objects.update(withheld="deleted")

    codes = {}
    for actor in (radiologist, colleague, outsider, None):
        (result,) = store(instance(2), origin=Origin(door="test", actor=actor))
        assert result.error is not None
        codes[actor] = result.error.code

    assert codes == {
        radiologist: "deleted-before",
        colleague: "not-allowed",
        outsider: "not-allowed",
        None: "deleted-before",
    }


def test_viewer_cannot_add_to_a_study_they_see(radiologist: User, colleague: User) -> None:
    store(instance(1), origin=Origin(door="test", actor=radiologist))

    (result,) = store(instance(2), origin=Origin(door="test", actor=colleague))

    assert result.outcome is Outcome.QUARANTINED


def test_ideographic_name_is_searchable_by_every_group() -> None:
    store(
        instance(
            PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", SpecificCharacterSet="ISO_IR 192"
        )
    )

    search = Patient.objects.get().patient_name_search
    assert "yamada tarou" in search
    assert "山田 太郎" in search


def test_bytes_that_were_in_quarantine_can_be_archived_later() -> None:
    store(instance(1))
    second = instance(2, PatientID="P2")
    store(second)
    Study.objects.update(patient=Patient.objects.create(dicom_patient_id="P2"))

    (result,) = store(second)

    assert result.outcome is Outcome.STORED
    assert Quarantine.objects.get().blob == Instance.objects.get(instance_number=2).blob


@pytest.mark.django_db(transaction=True)
def test_store_waits_for_no_foreign_key_check_on_its_rows() -> None:
    """A worker that writes results holds key-share locks: waiting for them ends in deadlocks."""
    store(instance(1))
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters) as worker:
        for table in ("archive_patient", "archive_study", "archive_series"):
            worker.execute(f"SELECT 1 FROM {table} FOR KEY SHARE")  # noqa: S608 our own tables
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        try:
            (result,) = store(instance(2))
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")

    assert result.outcome is Outcome.STORED


def test_numbers_that_no_column_holds_are_left_out() -> None:
    (result,) = store(instance(SamplesPerPixel=60000))

    assert result.outcome is Outcome.STORED
    row = Instance.objects.get()
    assert row.samples_per_pixel is None


def test_a_value_that_the_database_refuses_fails_its_own_instance_alone(monkeypatch) -> None:
    plain = services.store_plain

    def refusing(candidates, origin):
        if any(one.sop_instance_uid == "1.2.3.1.2" for one in candidates):
            raise DataError
        return plain(candidates, origin)

    monkeypatch.setattr(services, "store_plain", refusing)

    results = store(instance(1), instance(2), instance(3))

    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.STORED, Outcome.QUARANTINED, Outcome.STORED]
    assert results[1].error is not None
    assert results[1].error.code == "invalid-value"
    assert Quarantine.objects.get().reason_code == "invalid-value"


def test_refused_bytes_that_a_purge_took_meanwhile_are_kept_again(monkeypatch) -> None:
    quarantine = services.quarantine_file

    def late(*, file, **rest):
        # Kept already, and not in any row yet.
        blob_store().delete(file.spool.sha256)
        quarantine(file=file, **rest)

    monkeypatch.setattr(services, "quarantine_file", late)

    store(b"no DICOM at all")

    assert blob_store().path(Quarantine.objects.get().blob.sha256).read_bytes() == (
        b"no DICOM at all"
    )


def test_a_copy_of_what_is_refused_in_the_same_batch_is_refused_too() -> None:
    store(instance(1))
    stranger = instance(2, PatientID="P2", PatientName="Other^Person")

    results = store(stranger, stranger)

    assert [one.outcome for one in results] == [Outcome.QUARANTINED] * 2
    assert {one.error.code for one in results if one.error} == {"patient-mismatch"}
    assert not Instance.objects.filter(sop_instance_uid="1.2.3.1.2").exists()


@pytest.mark.parametrize("state", ["damaged", "missing"])
def test_an_image_that_comes_again_mends_its_damaged_file(state: str) -> None:
    content = instance(1)
    store(content)
    blob = Blob.objects.get()
    path = blob_store().path(blob.sha256)
    path.chmod(0o600)
    path.write_bytes(bytes(len(content)))
    if state == "missing":
        path.unlink()
    Blob.objects.update(state=state)

    (result,) = store(content)

    assert result.outcome is Outcome.DUPLICATE
    assert path.read_bytes() == content
    blob.refresh_from_db()
    assert blob.state == "stored"


def test_bytes_that_were_purged_between_keeping_and_recording_are_kept_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(instance(1))
    keep = services._keep_bytes

    def keep_and_purge(*given: Any) -> None:
        keep(*given)
        for candidate in given[1]:
            blob_store().delete(candidate.file.spool.sha256)

    monkeypatch.setattr(services, "_keep_bytes", keep_and_purge)
    # A key object takes the recorder.
    content = instance(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59", SeriesInstanceUID="1.2.3.2")

    (result,) = store(content)

    assert result.outcome is Outcome.STORED
    row = Instance.objects.get(sop_instance_uid="1.2.3.1.2")
    assert blob_store().path(row.blob.sha256).read_bytes() == content
