"""Deleted is seen by nobody, undone is as before, purged is gone and says so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.curation.purging import purge_due
from archive.curation.removals import administered_removals, remove_objects, undo_removal
from archive.curation.selectors import is_gone
from archive.curation.services import withhold_series
from archive.curation.types import ObjectPath
from archive.errors import (
    InvalidRequestError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.models import (
    AuditEvent,
    Blob,
    Instance,
    Membership,
    OutboxEvent,
    Patient,
    Removal,
    Series,
    Study,
    Tombstone,
)
from archive.query.selectors import matches
from archive.query.types import Level, MatchingKey, Query
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.1"
CT, SR = f"{STUDY}.1", f"{STUDY}.2"


@pytest.fixture
def stored(project):
    """Two CT images and an SR of one study."""
    return store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=series,
                SOPInstanceUID=f"{series}.{number}",
                Modality=modality,
                PatientID="R1",
            )
            for series, number, modality in ((CT, 1, "CT"), (CT, 2, "CT"), (SR, 1, "SR"))
        ),
        project=project,
    )


def by(user):
    return Asker(door="test", user=user)


def delete(user, series=None, instance=None, reason="wrong patient"):
    return remove_objects(asker=by(user), path=ObjectPath(STUDY, series, instance), reason=reason)


def seen(user):
    return (
        Study.objects.visible_to(user).count(),
        Series.objects.visible_to(user).count(),
        Instance.objects.visible_to(user).count(),
        Patient.objects.visible_to(user).count(),
    )


def counts():
    study = Study.objects.get()
    return (
        study.number_of_study_related_series,
        study.number_of_study_related_instances,
        study.modalities_in_study,
    )


def test_deleted_study_is_seen_by_nobody_and_undone_it_is_as_before(
    stored, archive_admin, radiologist
):
    assert seen(radiologist) == (1, 2, 3, 1)
    before = counts()

    removal = delete(archive_admin)

    assert seen(radiologist) == seen(archive_admin) == (0, 0, 0, 0)
    assert removal.number_of_instances == 3
    assert Study.objects.get().withheld == "deleted"
    assert counts() == (0, 0, [])

    undo_removal(asker=by(archive_admin), removal_id=removal.pk)

    assert seen(radiologist) == (1, 2, 3, 1)
    assert counts() == before == (2, 3, ["CT", "SR"])
    assert not Instance.objects.exclude(withheld="").exists()
    acts = list(AuditEvent.objects.filter(event_id="110105").values_list("act", flat=True))
    assert sorted(acts) == ["delete", "undo-delete"]
    kinds = OutboxEvent.objects.filter(kind="instances_withheld")
    assert [row.payload["is_shown"] for row in kinds.order_by("pk")] == [False, True]


def test_deleted_instance_leaves_its_siblings(stored, archive_admin, radiologist):
    delete(archive_admin, CT, f"{CT}.1")

    assert seen(radiologist) == (1, 2, 2, 1)
    assert counts() == (2, 2, ["CT", "SR"])

    delete(archive_admin, CT)

    assert seen(radiologist) == (1, 1, 1, 1)
    assert counts() == (1, 1, ["SR"])
    assert Series.objects.get(series_instance_uid=CT).withheld == "deleted"


def test_overlapping_removals_are_undone_in_any_order(stored, archive_admin, radiologist):
    first = delete(archive_admin, CT, f"{CT}.1")
    second = delete(archive_admin)

    undo_removal(asker=by(archive_admin), removal_id=first.pk)
    assert seen(radiologist) == (1, 1, 1, 1)
    undo_removal(asker=by(archive_admin), removal_id=second.pk)

    assert seen(radiologist) == (1, 2, 3, 1)
    assert counts() == (2, 3, ["CT", "SR"])


def test_what_a_person_judged_of_a_series_outlives_a_removal(stored, archive_admin, colleague):
    withhold_series(sop_instance_uids=[f"{SR}.1"], reason="trial")

    removal = delete(archive_admin)
    withhold_series(sop_instance_uids=[f"{SR}.1"], reason="")
    assert Series.objects.get(series_instance_uid=SR).withheld == "deleted"
    undo_removal(asker=by(archive_admin), removal_id=removal.pk)

    assert Series.objects.get(series_instance_uid=SR).withheld == "trial"
    assert seen(colleague)[1] == 1


def test_only_radiology_admins_of_all_its_projects_delete(
    stored, radiologist, outsider, other_project, project
):
    with pytest.raises(NotAllowedError):
        delete(radiologist)
    with pytest.raises(NotVisibleError):
        delete(outsider)
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")
    Study.objects.get().projects.add(other_project)
    with pytest.raises(NotAllowedError):
        delete(radiologist)
    Study.objects.get().projects.remove(other_project)
    removal = delete(radiologist)
    assert list(administered_removals(radiologist)) == [removal]
    assert not administered_removals(outsider).exists()
    with pytest.raises(NotVisibleError):
        undo_removal(asker=by(outsider), removal_id=removal.pk)


@pytest.mark.parametrize(
    "path", [ObjectPath("1.2.3"), ObjectPath(STUDY, "1.2.3"), ObjectPath("../..")]
)
def test_nothing_there_is_not_found(stored, archive_admin, path):
    with pytest.raises(NotVisibleError):
        remove_objects(asker=by(archive_admin), path=path, reason="x")


def test_reason_is_needed_and_a_second_delete_finds_nothing(stored, archive_admin):
    with pytest.raises(InvalidRequestError):
        delete(archive_admin, reason="  ")
    delete(archive_admin)
    with pytest.raises(NotVisibleError):
        delete(archive_admin)


def test_gone_is_said_to_who_could_see_it(stored, archive_admin, radiologist, outsider):
    removal = delete(archive_admin, CT)
    paths = [ObjectPath(STUDY, CT), ObjectPath(STUDY, CT, f"{CT}.1")]
    for path in paths:
        assert is_gone(radiologist, path)
        assert not is_gone(outsider, path)
    assert not is_gone(radiologist, ObjectPath(STUDY))
    assert not is_gone(radiologist, ObjectPath(STUDY, SR))

    purge_now(removal)

    for path in paths:
        assert is_gone(radiologist, path)
        assert not is_gone(outsider, path)
    assert not is_gone(radiologist, ObjectPath(STUDY, "1.2.3"))


def purge_now(removal):
    Removal.objects.filter(pk=removal.pk).update(purge_after=timezone.now())
    while purge_due():
        pass


def test_purge_waits_for_its_time_and_leaves_tombstones(stored, archive_admin, radiologist):
    digests = list(Blob.objects.values_list("sha256", flat=True))
    size = Study.objects.get().stored_bytes
    removal = delete(archive_admin, CT)
    assert removal.purge_after > timezone.now() + timedelta(days=29)
    assert purge_due() == 0
    assert Instance.objects.count() == 3

    purge_now(removal)

    assert Instance.objects.get().sop_instance_uid == f"{SR}.1"
    assert not Series.objects.filter(series_instance_uid=CT).exists()
    assert set(Tombstone.objects.values_list("sop_instance_uid", flat=True)) == {
        f"{CT}.1",
        f"{CT}.2",
    }
    assert sum(blob_store().exists(sha256) for sha256 in digests) == Blob.objects.count() == 1
    assert seen(radiologist) == (1, 1, 1, 1)
    assert Study.objects.get().stored_bytes <= size
    removal.refresh_from_db()
    assert removal.purged_at
    assert AuditEvent.objects.get(act="purge").details["instances"] == 2
    with pytest.raises(StateConflictError):
        undo_removal(asker=by(archive_admin), removal_id=removal.pk)


def test_purged_study_takes_its_patient_along(stored, archive_admin):
    purge_now(delete(archive_admin))

    assert not Study.objects.exists()
    assert not Patient.objects.exists()
    assert not Blob.objects.exists()
    assert Tombstone.objects.count() == 3
    assert Removal.objects.get().purged_at


def test_undone_removal_is_not_purged(stored, archive_admin):
    removal = delete(archive_admin)
    undo_removal(asker=by(archive_admin), removal_id=removal.pk)

    purge_now(removal)

    assert Instance.objects.count() == 3
    with pytest.raises(StateConflictError):
        undo_removal(asker=by(archive_admin), removal_id=removal.pk)


@pytest.mark.parametrize("level", [Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE])
def test_no_query_finds_what_is_deleted_however_it_is_named(stored, archive_admin, level):
    keywords = {
        Level.PATIENT: ("PatientID", "R1"),
        Level.STUDY: ("StudyInstanceUID", STUDY),
        Level.SERIES: ("SeriesInstanceUID", CT),
        Level.INSTANCE: ("SOPInstanceUID", f"{CT}.1"),
    }
    keyword, value = keywords[level]

    def found():
        keys = (MatchingKey(keyword, (value,)),)
        query = Query(level=level, keys=keys, is_withheld_included=True)
        return len(matches(user=archive_admin, query=query).matches)

    assert found() == 1
    delete(archive_admin)
    assert found() == 0
