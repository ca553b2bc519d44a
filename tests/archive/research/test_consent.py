"""A patient who says no: nothing leaves any more, and what was copied is withdrawn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.access.consent import ResearchRefusedError, refused_studies
from archive.audit.types import Asker
from archive.collections.services import share_collection
from archive.corrections.patients import merge_patients
from archive.corrections.studies import move_studies_to_project
from archive.curation.purging import purge_due
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.errors import (
    InvalidRequestError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.events.services import relay_outbox
from archive.models import (
    AuditEvent,
    Collection,
    CollectionItem,
    Instance,
    Patient,
    Project,
    Pseudonym,
    Removal,
    ResearchDecision,
    Study,
)
from archive.research import copying
from archive.research.consent import consent_of, decide_research
from archive.research.downloads import take_out
from archive.research.forgetting import forget_erased
from archive.research.reidentification import reidentify
from archive.research.teaching.planning import plan_export
from archive.research.teaching.types import ExportOptions
from archive.research.types import CleaningOptions
from tests.builders.identified import NUMBER, make_identified
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def decide(user, uid, *, is_refused=True, reason="By letter of 3 May"):
    asker = Asker(door="portal", user=user)
    return decide_research(asker=asker, study_uid=uid, is_refused=is_refused, reason=reason)


def test_copies_are_withdrawn_and_every_way_out_is_closed(
    do, archive_admin, research, stored, uid_of
):
    uid = uid_of(stored[0])
    do(
        archive_admin,
        "research-copy",
        sorted({uid_of(one) for one in stored}),
        project="lung-study",
    )
    collection = Collection.objects.create(owner=archive_admin, name="Mine")
    CollectionItem.objects.create(
        collection=collection, study=stored[0].series.study, position=1, added_by=archive_admin
    )
    asker = Asker(door="portal", user=archive_admin)
    assert plan_export(archive_admin, collection.pk, ExportOptions()).image_count == 2

    assert decide(archive_admin, uid) == 2

    assert not Study.objects.visible_to(archive_admin).filter(projects=research).exists()
    assert Instance.objects.visible_to(archive_admin).count() == 4
    said = consent_of(archive_admin, uid)
    assert (said.is_refused, [one.reason for one in said.decisions]) == (
        True,
        ["By letter of 3 May"],
    )
    event = AuditEvent.objects.get(act="refuse-research")
    assert (event.details, "letter" in str(event.details)) == ({"withdrawn": 2}, False)
    for act, options in (("research-copy", {"project": "lung-study"}), ("research-export", {})):
        job = do(archive_admin, act, [uid], **options)
        assert "refused" in job.items.get().message, act
    with pytest.raises(ResearchRefusedError):
        take_out(asker, uid, CleaningOptions())
    (case,) = plan_export(archive_admin, collection.pk, ExportOptions()).cases
    assert [one.refusal.code for one in case.outlook.left_out] == ["research-refused"]
    with pytest.raises(ResearchRefusedError):
        share_collection(archive_admin, collection.pk, asker=asker, project="lung-study")


def test_copy_that_was_moved_since_is_withdrawn_too(do, archive_admin, research, stored, uid_of):
    uid = uid_of(stored[0])
    do(archive_admin, "research-copy", [uid], project="lung-study")
    copy = Study.objects.get(projects=research).study_instance_uid
    Project.objects.create(name="Teaching", slug="teaching")
    asker = Asker(door="portal", user=archive_admin)
    move_studies_to_project(asker=asker, study_uids=[copy], project="teaching", reason="A lecture")

    assert decide(archive_admin, uid) == 1

    assert Study.objects.get(study_instance_uid=copy).withheld == "deleted"
    assert Study.objects.get(study_instance_uid=uid).withheld == ""


def _merge(user, *pairs):
    """Say that patients of studies are one, pair by pair."""
    for source, target in pairs:
        keys = [Study.objects.get(pk=one.pk).patient_id for one in (source, target)]
        merge_patients(
            asker=Asker(door="portal", user=user),
            source_id=keys[0],
            target_id=keys[1],
            reason="One",
        )


@pytest.fixture
def three(project):
    """Studies of three patients."""
    made = (make_identified(PatientID=f"P-{number}") for number in range(3))
    return [row.series.study for row in store_datasets(*made, project=project)]


def test_word_of_a_patient_holds_two_merges_away(do, archive_admin, three):
    first, second, third = three
    decide(archive_admin, first.study_instance_uid)
    _merge(archive_admin, (first, second), (second, third))

    assert consent_of(archive_admin, third.study_instance_uid).is_refused
    job = do(archive_admin, "research-export", [third.study_instance_uid])
    assert "refused" in job.items.get().message
    assert refused_studies([one.pk for one in three]) == {one.pk for one in three}

    decide(archive_admin, third.study_instance_uid, is_refused=False)
    assert not refused_studies([one.pk for one in three])


def test_copy_of_who_turned_out_to_be_a_patient_who_refused(do, archive_admin, research, three):
    first, second, third = three
    do(archive_admin, "research-copy", [third.study_instance_uid], project="lung-study")
    copy = Study.objects.select_related("patient").get(projects=research)
    decide(archive_admin, first.study_instance_uid)
    _merge(archive_admin, (third, second))
    relay_outbox()
    copy.refresh_from_db()
    assert copy.withheld == ""

    _merge(archive_admin, (second, first))
    relay_outbox()

    copy.refresh_from_db()
    assert copy.withheld == "deleted"
    found = reidentify(
        asker=Asker(door="portal", user=archive_admin),
        realm=f"project:{research.pk}",
        code=copy.patient.dicom_patient_id,
        reason="A finding",
    )
    assert len(found.studies) == 3, "whoever they were merged into"


def test_permitted_again_images_may_leave_and_nothing_comes_back_by_itself(
    do, archive_admin, stored, uid_of
):
    uid = uid_of(stored[0])
    decide(archive_admin, uid)
    with pytest.raises(StateConflictError):
        decide(archive_admin, uid)

    decide(archive_admin, uid, is_refused=False)

    assert do(archive_admin, "research-export", [uid]).state == "done"
    assert ResearchDecision.objects.count() == 2


def test_who_may_not_decide_and_what_is_wrong_changes_nothing(
    archive_admin, radiologist, outsider, stored, uid_of
):
    uid = uid_of(stored[0])
    for user, reason, error in (
        (radiologist, "why", NotAllowedError),
        (outsider, "why", NotVisibleError),
        (archive_admin, "  ", InvalidRequestError),
        (archive_admin, "x" * 501, InvalidRequestError),
    ):
        with pytest.raises(error):
            decide(user, uid, reason=reason)
    with pytest.raises(NotAllowedError):
        consent_of(radiologist, uid)
    assert not Patient.objects.filter(is_research_refused=True).exists()


@pytest.mark.parametrize("relation", ["merged_into", "conflict_of"])
def test_a_refusal_holds_for_rows_that_are_the_same_patient(
    do, archive_admin, stored, uid_of, relation
):
    patient = stored[0].series.study.patient
    Patient.objects.create(
        dicom_patient_id="OTHER", is_research_refused=True, **{relation: patient}
    )

    job = do(archive_admin, "research-export", [uid_of(stored[0])])
    assert "refused" in job.items.get().message

    decide(archive_admin, uid_of(stored[0]), is_refused=False)
    assert not Patient.objects.filter(is_research_refused=True).exists()


def test_a_refusal_while_the_copy_is_made_withdraws_it(
    do, archive_admin, research, stored, uid_of, monkeypatch
):
    uid = uid_of(stored[0])
    store = copying._store

    def refused_meanwhile(*args):
        copied = store(*args)
        Patient.objects.filter(pk=stored[0].series.study.patient_id).update(
            is_research_refused=True
        )
        return copied

    monkeypatch.setattr(copying, "_store", refused_meanwhile)

    job = do(archive_admin, "research-copy", [uid], project="lung-study")

    assert job.state == "failed"
    assert not Study.objects.visible_to(archive_admin).filter(projects=research).exists()


def test_a_refusal_outlives_what_was_purged_and_nothing_else_does(
    do, archive_admin, project, research, stored, uid_of
):
    do(archive_admin, "research-copy", [uid_of(stored[0])], project="lung-study")
    decide(archive_admin, uid_of(stored[0]))
    assert Pseudonym.objects.count() == 2
    asker = Asker(door="portal", user=archive_admin)
    for uid in sorted({uid_of(one) for one in stored}):
        remove_objects(asker=asker, path=ObjectPath(uid), reason="Erasure")
    Removal.objects.update(purge_after=timezone.now() - timedelta(days=1))
    purge_due()
    assert not Study.objects.exists()

    assert forget_erased() == 2
    kept = Patient.objects.get(dicom_patient_id=NUMBER)
    assert (kept.patient_name, kept.patient_birth_date) == ("", None)
    assert set(ResearchDecision.objects.values_list("reason", flat=True)) == {""}
    (again,) = store_datasets(make_identified(), project=project)
    job = do(archive_admin, "research-export", [uid_of(again)])
    assert "refused" in job.items.get().message
