"""Mix-ups are found in stored images, shown to those who may see both sides, and settled once."""

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent, Instance, Membership, Series
from inference.models import Calibration, Embedding, Run, Suspicion
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.suspicions.neighbours import nearest_of_others
from inference.similarity.suspicions.selectors import list_suspicions, open_suspicion_count
from inference.similarity.suspicions.services import check_new_series, settle_suspicion
from inference.similarity.types import InstanceVector
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.builders.textures import textured_picture
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.inference import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def space(db):
    space = make_space()
    Calibration.objects.create(
        space=space, level="series", cut=0.9, nearest_quantiles=[0.9] * 101, number_of_objects=50
    )
    return space


def _store(space, project, picture, *, patient, angle, **attrs):
    ds = make_dataset(
        PatientID=patient,
        PatientName=f"Name^{patient}",
        Rows=picture.shape[0],
        Columns=picture.shape[1],
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        RescaleIntercept=None,
        RescaleSlope=None,
        WindowCenter=None,
        WindowWidth=None,
        PixelData=picture.tobytes(),
        **attrs,
    )
    (instance,) = store_datasets(ds, project=project)
    vectors = [InstanceVector(instance_id=instance.pk, vector=direction(angle))]
    store_embeddings(space=space, vectors=vectors)
    refresh_series_embedding(space=space, series_id=instance.series_id)
    return instance


@pytest.fixture
def twins(space, project):
    picture = textured_picture(1)
    first = _store(space, project, picture, patient="A", angle=0.0)
    second = _store(space, project, picture[10:-10, 10:-10], patient="B", angle=0.05)
    return first, second


def test_same_image_under_two_patients_is_found_once(twins, archive_admin):
    check_new_series(limit=10)

    (found,) = list_suspicions(archive_admin)
    assert found.kind == "near_duplicate"
    assert found.other is not None
    assert {found.side.instance_uid, found.other.instance_uid} == {
        twin.sop_instance_uid for twin in twins
    }
    assert {found.side.patient_id, found.other.patient_id} == {"A", "B"}
    assert found.evidence["keypoints"] >= 40


def test_same_image_twice_in_one_patient_is_not_suspicious(space, project):
    picture = textured_picture(1)
    _store(space, project, picture, patient="A", angle=0.0)
    _store(space, project, picture, patient="A", angle=0.01)

    check_new_series(limit=10)

    assert not Suspicion.objects.exists()


def test_other_image_is_not_suspicious_however_near_its_vector(space, project):
    _store(space, project, textured_picture(1), patient="A", angle=0.0)
    _store(space, project, textured_picture(2), patient="B", angle=0.0)

    check_new_series(limit=10)

    assert not Suspicion.objects.exists()


def test_deidentified_copy_is_no_mix_up(twins):
    study = twins[1].series.study
    study.is_deidentified = True
    study.save()

    check_new_series(limit=10)

    assert not Suspicion.objects.exists()


def test_series_is_looked_at_once_until_it_grows(twins):
    assert check_new_series(limit=10) == 2
    assert check_new_series(limit=10) == 0

    Series.objects.filter(pk=twins[0].series_id).update(number_of_series_related_instances=7)
    assert check_new_series(limit=10) == 1


def test_nothing_is_compared_while_fresh_images_wait_for_a_model(twins):
    run = RunFactory(series=twins[0].series, state="queued", not_before=timezone.now())

    assert check_new_series(limit=10) == 0

    Run.objects.filter(pk=run.pk).update(is_background=True)
    assert check_new_series(limit=10) == 2


def test_body_part_that_its_look_alikes_contradict_is_listed(space, project, archive_admin):
    for number in range(10):
        make_case(space, [direction(number / 50)], projects=[project], body_part_examined="HEAD")
    odd = make_case(space, [direction(0.1)], projects=[project], body_part_examined="CHEST")

    check_new_series(limit=20)

    (found,) = list_suspicions(archive_admin)
    assert found.kind == "contradiction"
    assert found.side.series_uid == odd.series_instance_uid
    assert found.evidence["contradictions"][0]["seen"] == "HEAD"


def test_corrected_body_part_takes_the_open_suspicion_away(space, project, archive_admin):
    for number in range(10):
        make_case(space, [direction(number / 50)], projects=[project], body_part_examined="HEAD")
    odd = make_case(space, [direction(0.1)], projects=[project], body_part_examined="CHEST")
    check_new_series(limit=20)

    Series.objects.filter(pk=odd.pk).update(
        body_part_examined="HEAD", number_of_series_related_instances=2
    )
    check_new_series(limit=20)

    assert list_suspicions(archive_admin) == []


def test_contradiction_goes_when_the_archive_has_learnt_the_look(space, project, archive_admin):
    for number in range(10):
        make_case(space, [direction(number / 50)], projects=[project], body_part_examined="HEAD")
    make_case(space, [direction(0.1)], projects=[project], body_part_examined="CHEST")
    check_new_series(limit=20)
    assert len(list_suspicions(archive_admin)) == 1

    for number in range(12):
        make_case(
            space, [direction(0.1 + number / 500)], projects=[project], body_part_examined="CHEST"
        )
    check_new_series(limit=20)

    assert list_suspicions(archive_admin) == []


def test_far_neighbours_have_no_vote(space, project, archive_admin):
    for number in range(10):
        make_case(space, [direction(number / 50)], projects=[project], body_part_examined="HEAD")
    make_case(space, [direction(1.2)], projects=[project], body_part_examined="CHEST")

    check_new_series(limit=20)

    assert list_suspicions(archive_admin) == []


def test_only_radiology_admins_see_suspicions(twins, radiologist, outsider):
    check_new_series(limit=10)

    for person in (radiologist, outsider):
        assert open_suspicion_count(person) == 0
        with pytest.raises(NotAllowedError):
            list_suspicions(person)


def test_admin_who_sees_one_side_alone_sees_nothing(twins, outsider, other_project):
    twins[1].series.study.projects.set([other_project])
    Membership.objects.create(user=outsider, project=other_project, role="radiology_admin")
    check_new_series(limit=10)
    (suspicion,) = Suspicion.objects.all()

    assert list_suspicions(outsider) == []
    assert open_suspicion_count(outsider) == 0
    with pytest.raises(NotVisibleError):
        settle_suspicion(actor=outsider, suspicion_id=suspicion.pk, state="dismissed")


def test_dismissed_stays_dismissed_and_is_on_record(twins, archive_admin):
    check_new_series(limit=10)
    (suspicion,) = Suspicion.objects.all()
    asker = Asker(user=archive_admin, door="portal")

    settle_suspicion(
        actor=archive_admin,
        suspicion_id=suspicion.pk,
        state="dismissed",
        note="twins indeed",
        asker=asker,
    )
    Series.objects.update(number_of_series_related_instances=5)
    check_new_series(limit=10)

    assert list_suspicions(archive_admin) == []
    (kept,) = list_suspicions(archive_admin, state="dismissed")
    assert (kept.note, kept.resolved_by) == ("twins indeed", archive_admin.username)
    assert AuditEvent.objects.filter(act="settle-suspicion", actor_id=archive_admin.pk).count() == 1


@pytest.mark.parametrize(("state", "note"), [("gone", ""), ("open", "x" * 501), ("open", "\x00")])
def test_bad_settlement_changes_nothing(twins, archive_admin, state, note):
    check_new_series(limit=10)
    (suspicion,) = Suspicion.objects.all()

    with pytest.raises(InvalidRequestError):
        settle_suspicion(actor=archive_admin, suspicion_id=suspicion.pk, state=state, note=note)

    assert Suspicion.objects.get().state == "open"


def test_one_patient_after_a_merge_is_suspicious_no_more(twins, archive_admin):
    check_new_series(limit=10)
    study = twins[1].series.study
    study.patient = twins[0].series.study.patient
    study.save()

    assert list_suspicions(archive_admin) == []


@pytest.mark.parametrize("state", ["deleted", "rejected", "superseded", "trial"])
def test_hidden_series_are_compared_with_nothing(state, twins):
    for twin in twins:
        Series.objects.update(withheld="")
        Series.objects.filter(pk=twin.series_id).update(withheld=state)

        check_new_series(limit=10)

        assert not Suspicion.objects.exists()


@pytest.mark.parametrize("side", [0, 1])
def test_hidden_images_are_compared_with_nothing(side, twins):
    Instance.objects.filter(pk=twins[side].pk).update(withheld="rejected")

    check_new_series(limit=10)

    assert not Suspicion.objects.exists()


def test_twins_wait_for_nobody_while_one_is_deleted(twins, archive_admin):
    check_new_series(limit=10)
    (found,) = list_suspicions(archive_admin)
    for twin in twins:
        rows = Series.objects.filter(pk=twin.series_id)
        rows.update(withheld="deleted")

        assert open_suspicion_count(archive_admin) == 0
        with pytest.raises(NotVisibleError):
            settle_suspicion(actor=archive_admin, suspicion_id=found.pk, state="confirmed")

        rows.update(withheld="")
        assert list_suspicions(archive_admin) == [found]


def test_hidden_neighbours_have_no_vote(space, project):
    asked = make_case(space, [direction(0)], projects=[project])
    row = Embedding.objects.get(series=asked, level="series")
    others = [make_case(space, [direction(0.1)], projects=[project]) for _ in range(5)]
    for state, series in zip(["deleted", "rejected", "superseded", "trial"], others, strict=False):
        Series.objects.filter(pk=series.pk).update(withheld=state)

    assert [near.series_id for near in nearest_of_others(space, row, 10)] == [others[-1].pk]
