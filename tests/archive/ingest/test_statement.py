"""One statement writes what the recorder writes, column by column, and leaves decisions to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, models

from archive.access.selectors import storing_rights
from archive.ingest import services
from archive.ingest.types import Origin, Outcome
from archive.models import (
    AuditEvent,
    Blob,
    Instance,
    Membership,
    OutboxEvent,
    Patient,
    Project,
    Removal,
    Series,
    Study,
    Tombstone,
)
from archive.models.access import STORING_ROLES, Role
from archive.models.querysets import readable_projects
from tests.archive.ingest.test_services import instance, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

Batch = list[bytes]
OTHER_STUDY = {
    "StudyInstanceUID": "1.2.4",
    "SeriesInstanceUID": "1.2.4.1",
    "SOPInstanceUID": "1.2.4.1.1",
}
SR = {"SeriesInstanceUID": "1.2.3.2", "Modality": "SR", "BodyPartExamined": "CHEST"}
BATCHES: dict[str, list[Batch]] = {
    "a new study": [[instance()]],
    "more of a series": [[instance(1)], [instance(2)]],
    "many at once": [[instance(n) for n in range(1, 6)], [instance(6), instance(7)]],
    "another series": [[instance(1)], [instance(2, **SR)]],
    "two series at once": [[instance(1), instance(2, **SR), instance(3)]],
    "two studies at once": [[instance(1), instance(**OTHER_STUDY)]],
    "another study of the patient": [[instance(1)], [instance(**OTHER_STUDY)]],
    "no patient's id": [[instance(PatientID="")], [instance(**OTHER_STUDY, PatientID="")]],
    "de-identified": [[instance(PatientIdentityRemoved="YES"), instance(2)]],
    "all de-identified": [
        [instance(1, PatientIdentityRemoved="YES"), instance(2, PatientIdentityRemoved="YES")]
    ],
    "much is said": [
        [
            instance(
                StudyDate="20240229",
                StudyTime="235959.123456",
                AccessionNumber='A"1\\2',
                StudyID="S1",
                StudyDescription="Größe 'x' %s",
                ReferringPhysicianName="Åse^Ref",
                PatientAge="054Y",
                TimezoneOffsetFromUTC="+0100",
                SpecificCharacterSet="ISO_IR 192",
                SeriesNumber=3,
                SeriesDescription="Axial",
                BodyPartExamined="CHEST",
                Laterality="L",
                ProtocolName="Routine",
                SeriesDate="20240301",
                SeriesTime="0102",
                Manufacturer="Maker",
                StationName="CT1",
                InstitutionName="House",
                PerformedProcedureStepStartDate="20240301",
                PerformedProcedureStepStartTime="010203",
                FrameOfReferenceUID="1.2.9",
                ContentDate="20240301",
                ContentTime="010204.5",
                ImagePositionPatient=[1.5, -2, 3e-5],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            )
        ]
    ],
    "text that had to be cleaned": [[instance(StudyDescription="Chest\x00CT")]],
}
_TIMES = {"created_at", "updated_at", "recorded_at", "verified_at", "published_at"}


def rows() -> dict[str, list[dict[str, Any]]]:
    """Everything that a store writes, without keys and times, parents by their own names."""
    return {
        "patients": dump(Patient, "conflict_of__patient_name"),
        "studies": dump(Study, "patient__patient_name", "projects__name"),
        "series": dump(Series, "study__study_instance_uid"),
        "instances": dump(Instance, "series__series_instance_uid", "blob__sha256"),
        "blobs": dump(Blob),
        "audit": dump(AuditEvent),
        "outbox": [
            {key: len(keys) for key, keys in event.payload.items()}
            for event in OutboxEvent.objects.order_by("pk")
        ],
    }


def dump(model: type[models.Model], *parents: str) -> list[dict[str, Any]]:
    own = [
        field.name
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.is_relation or field.name in _TIMES)
    ]
    found = model._default_manager.order_by().values(*own, *parents)
    return sorted(found, key=repr)


@pytest.fixture
def decided_by_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "store_plain", lambda *_: set())


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many candidates came to the recorder, batch by batch."""
    counted: list[int] = []
    record = services._record

    def counting(batch: Any, candidates: list[Any]) -> Any:
        counted.append(len(candidates))
        return record(batch, candidates)

    monkeypatch.setattr(services, "_record", counting)
    return counted


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("who", ["nobody", "project", "radiologist"])
def test_statement_writes_what_the_recorder_writes(
    name: str, who: str, request: pytest.FixtureRequest, project: Project, unassigned: Project
) -> None:
    origin = Origin(door="test", source="MODALITY", address="10.1.2.3", token_hint="tws_x")
    if who == "project":
        origin = Origin(door="test", project=project)
    elif who == "radiologist":
        origin = Origin(door="test", actor=request.getfixturevalue("radiologist"))

    written = []
    for is_by_recorder in (False, True):
        with pytest.MonkeyPatch.context() as patch, rolled_back():
            if is_by_recorder:
                patch.setattr(services, "store_plain", lambda *_: set())
            else:
                patch.setattr(services, "_record", lambda *_: pytest.fail("it was not plain"))
            for batch in BATCHES[name]:
                assert all(r.outcome is Outcome.STORED for r in store(*batch, origin=origin))
            written.append(rows())

    by_statement, by_recorder = written
    if name == "two studies at once":
        # The recorder counts the batch in each study's record.
        for found in (by_statement, by_recorder):
            for record in found["audit"]:
                record["details"].pop("stored")
    assert by_statement == by_recorder
    assert len(by_statement["instances"]) == sum(map(len, BATCHES[name]))


class rolled_back:  # noqa: N801 used like a function
    """A savepoint that is taken back."""

    def __enter__(self) -> None:
        self.name = connection.savepoint()

    def __exit__(self, *_: object) -> None:
        connection.savepoint_rollback(self.name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (instance(1), instance(1, InstanceNumber=9)),
        (instance(1), instance(2, PatientID="P2")),
        (instance(1), instance(2, PatientName="Roe^Richard")),
        (instance(1), instance(2, StudyInstanceUID="1.2.9")),
        (instance(1, PatientSex=""), instance(**OTHER_STUDY)),
        (instance(1), instance(**OTHER_STUDY, PatientName="Roe^Richard")),
    ],
    ids=["content", "patient id", "name", "series elsewhere", "fill in", "contradiction"],
)
def test_what_needs_a_decision_comes_to_the_recorder(
    first: bytes, second: bytes, decisions: list[int], unassigned: Project
) -> None:
    store(first)
    assert decisions == []

    store(second)

    assert decisions == [1]


def test_without_a_project_for_the_unclaimed_one_is_made(decisions: list[int]) -> None:
    Project.objects.all().delete()

    (result,) = store(instance())

    assert result.outcome is Outcome.STORED
    assert decisions == [1]


def test_plain_studies_are_stored_though_others_need_a_decision(
    decisions: list[int], unassigned: Project
) -> None:
    store(instance(1))

    results = store(instance(2, PatientID="P2"), instance(**OTHER_STUDY), b"no DICOM")

    assert [r.outcome for r in results] == [
        Outcome.QUARANTINED,
        Outcome.STORED,
        Outcome.QUARANTINED,
    ]
    assert decisions == [1]
    assert set(Study.objects.values_list("study_instance_uid", flat=True)) == {"1.2.3", "1.2.4"}


def test_bytes_of_a_study_are_counted(unassigned: Project) -> None:
    first, second = instance(1), instance(2, StudyDescription="longer than the other")

    store(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "store_plain", lambda *_: set())
        store(second)

    assert Study.objects.get().stored_bytes == len(first) + len(second)


@pytest.mark.parametrize("by_recorder", [False, True])
def test_purged_instance_does_not_come_back(
    by_recorder: bool, request: pytest.FixtureRequest, unassigned: Project
) -> None:
    if by_recorder:
        request.getfixturevalue("decided_by_recorder")
    removal = Removal.objects.create(
        kind="deleted", level="instance", study_instance_uid="1.2.3", uid="1.2.3.1.1", reason="x"
    )
    Tombstone.objects.create(
        removal=removal,
        study_instance_uid="1.2.3",
        series_instance_uid="1.2.3.1",
        sop_instance_uid="1.2.3.1.1",
        dataset_sha256="0" * 64,
    )

    refused, stored = store(instance(1), instance(2))

    assert refused.outcome is Outcome.QUARANTINED
    assert refused.error is not None
    assert refused.error.code == "deleted-before"
    assert stored.outcome is Outcome.STORED


@pytest.mark.parametrize("what", ["instance", "series", "study"])
def test_what_is_deleted_takes_nothing_and_is_no_duplicate(what: str, unassigned: Project) -> None:
    store(instance(1))
    Instance.objects.update(withheld="deleted")
    if what != "instance":
        Series.objects.update(withheld="deleted", number_of_series_related_instances=0)
    if what == "study":
        Study.objects.update(withheld="deleted")

    (same,) = store(instance(1))
    (new,) = store(instance(2))

    assert same.error is not None
    assert same.error.code == "deleted-before"
    assert (new.error is None) == (what == "instance")
    assert Instance.objects.get(sop_instance_uid="1.2.3.1.1").withheld == "deleted"


def test_series_of_which_all_was_rejected_is_shown_again_with_what_comes(
    unassigned: Project,
) -> None:
    store(instance(1))
    Instance.objects.update(withheld="rejected")
    Series.objects.update(withheld="rejected", number_of_series_related_instances=0)
    Study.objects.update(
        withheld="rejected",
        number_of_study_related_series=0,
        number_of_study_related_instances=0,
    )

    (result,) = store(instance(2))

    assert result.outcome is Outcome.STORED
    assert (Series.objects.get().withheld, Study.objects.get().withheld) == ("", "")
    assert Series.objects.get().number_of_series_related_instances == 1
    assert Study.objects.get().number_of_study_related_series == 1


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("place", ["here", "elsewhere", "everywhere"])
@pytest.mark.parametrize("kind", ["standard", "unassigned"])
def test_rights_of_the_statement_are_those_of_the_gate(
    role: str,
    place: str,
    kind: str,
    project: Project,
    other_project: Project,
    unassigned: Project,
    django_user_model: type[User],
) -> None:
    user = django_user_model.objects.create_user("somebody")
    where = {"here": project, "elsewhere": other_project, "everywhere": None}[place]
    Membership.objects.create(user=user, project=where, role=role)
    target = project if kind == "standard" else unassigned
    store(instance(1), origin=Origin(door="test", project=target))
    study = Study.objects.get()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT archive_may_store(%s, %s::jsonb)",
            [study.pk, json.dumps(storing_rights(user))],
        )
        (may,) = cursor.fetchone()

    assert may == readable_projects(user, STORING_ROLES).filter(studies=study).exists()
