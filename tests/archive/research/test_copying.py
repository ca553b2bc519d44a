"""Copies without identity: what is in them, who sees them, and that they come once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from archive.audit.types import Asker
from archive.corrections.patients import merge_patients
from archive.corrections.studies import move_study_to_patient
from archive.corrections.undoing import undo_correction
from archive.events.services import relay_outbox
from archive.ingest.types import Origin
from archive.models import (
    AuditEvent,
    Instance,
    Membership,
    OutboxEvent,
    Pseudonym,
    Quarantine,
    Study,
)
from archive.retrieve.datasets import load_dataset, open_instance
from inference.models import Run
from tests.builders.identified import NUMBER, WORDS, make_identified
from tests.builders.stored import store_datasets
from tests.factories.inference import RoutingRuleFactory

pytestmark = pytest.mark.django_db


def copies(research):
    return Study.objects.filter(projects=research).order_by("pk")


def test_a_copy_has_no_identity_and_researchers_see_it_alone(
    do, archive_admin, project, research, stored, uid_of
):
    originals = {uid_of(one) for one in stored}
    before = OutboxEvent.objects.count()

    job = do(archive_admin, "research-copy", sorted(originals), project="lung-study")

    assert (job.state, job.number_done) == ("done", 2)
    first, _second = copies(research)
    assert {one.number_of_study_related_instances for one in copies(research)} == {2, 1}
    assert {one.patient_id for one in copies(research)} == {first.patient_id}
    assert all(one.is_deidentified for one in copies(research))
    for image in Instance.objects.filter(series__study__projects=research):
        with open_instance(image) as file:
            content = file.read()
        words = [*WORDS, *originals, *(one.sop_instance_uid for one in stored)]
        assert not [word for word in words if word.encode() in content]
        assert load_dataset(image).PatientIdentityRemoved == "YES"
    assert OutboxEvent.objects.count() > before
    researcher = User.objects.create_user("researcher")
    Membership.objects.create(user=researcher, project=research, role="researcher")
    assert set(Study.objects.visible_to(researcher)) == set(copies(research))
    assert not originals & {one.study_instance_uid for one in copies(research)}
    trail = AuditEvent.objects.filter(act="export", details__kind="project")
    assert set(trail.values_list("study_instance_uid", flat=True)) == originals


@pytest.mark.parametrize("way", ["move", "merge"])
def test_a_copy_that_is_given_to_somebody_is_no_researchers_any_more(
    do, archive_admin, research, stored, uid_of, way
):
    do(archive_admin, "research-copy", [uid_of(stored[0])], project="lung-study")
    copy, original = copies(research).get(), stored[0].series.study
    researcher = User.objects.create_user("researcher")
    Membership.objects.create(user=researcher, project=research, role="researcher")
    asker = Asker(door="portal", user=archive_admin)

    if way == "move":
        made = move_study_to_patient(
            asker=asker,
            study_uid=copy.study_instance_uid,
            patient_id=original.patient_id,
            reason="A mistake",
        )
    else:
        made = merge_patients(
            asker=asker,
            source_id=copy.patient_id,
            target_id=original.patient_id,
            reason="A mistake",
        )

    assert not Study.objects.visible_to(researcher).exists()
    assert Study.objects.visible_to(archive_admin).filter(pk=copy.pk).exists()
    undo_correction(asker=asker, correction_id=made.pk)
    assert Study.objects.visible_to(researcher).get() == copy


def test_done_again_it_makes_what_is_missing_and_nothing_twice(
    do, archive_admin, project, research, stored, uid_of
):
    uid = uid_of(stored[0])
    do(archive_admin, "research-copy", [uid], project="lung-study")
    later = make_identified(StudyInstanceUID=uid, InstanceNumber=3)
    store_datasets(later, project=project)

    again = do(archive_admin, "research-copy", [uid], project="lung-study")
    third = do(archive_admin, "research-copy", [uid], project="lung-study")

    assert [again.items.get().state, third.items.get().state] == ["done", "skipped"]
    assert copies(research).get().number_of_study_related_instances == 3
    assert Pseudonym.objects.count() == 2
    assert not Pseudonym.objects.filter(sealed__contains=NUMBER).exists()


def test_who_may_not_is_refused(do, archive_admin, radiologist, project, research, stored, uid_of):
    uid = uid_of(stored[0])
    for slug in ("chest-clinic", "nowhere", ""):
        with pytest.raises(Exception, match="no such project of yours"):
            do(archive_admin, "research-copy", [uid], project=slug)
    with pytest.raises(Exception, match="do not allow"):
        do(radiologist, "research-copy", [uid], project="lung-study")
    assert not copies(research).exists()


def test_models_run_on_copies_as_on_all_that_arrives(do, archive_admin, research, stored, uid_of):
    embedder = RoutingRuleFactory(modalities=["CT"]).model_version
    do(archive_admin, "research-copy", [uid_of(stored[0])], project="lung-study")

    relay_outbox()

    copied = Run.objects.filter(series__study__projects=research)
    assert [run.model_version for run in copied] == [embedder]


def test_what_names_a_patient_is_kept_out_of_such_a_project(research, archive_admin):
    named, nameless = make_identified(), make_identified(PatientIdentityRemoved="YES")
    origin = Origin(door="test", actor=archive_admin, project=research)

    with pytest.raises(AssertionError, match="Identity Removed"):
        store_datasets(named, nameless, origin=origin)

    assert [one.study_instance_uid for one in copies(research)] == [nameless.StudyInstanceUID]
    assert Quarantine.objects.get().study_instance_uid in {"", named.StudyInstanceUID}
