from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent, Membership
from inference.models import Label
from inference.training.labelling import (
    MAX_LABELS,
    NewLabel,
    add_labels,
    import_labels,
    remove_label,
)
from inference.training.labels import study_labels
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance(project):
    return InstanceFactory(series=SeriesFactory(study=StudyFactory(projects=[project])))


def _asker(user) -> Asker:
    return Asker(door="tests", user=user)


def _on(instance, label="a", **kwargs) -> NewLabel:
    return NewLabel(label_set="demo", label=label, instance=instance.sop_instance_uid, **kwargs)


def test_label_hangs_on_object_and_study(instance, radiologist):
    add_labels(asker=_asker(radiologist), labels=[_on(instance)])

    label = Label.objects.get()
    assert (label.instance, label.series, label.study) == (instance, None, instance.series.study)
    assert label.created_by == radiologist


def test_label_twice_in_one_call_is_one(instance, radiologist):
    counts = add_labels(asker=_asker(radiologist), labels=[_on(instance), _on(instance)])

    assert (counts.created, counts.existing) == (1, 1)


def test_labelling_is_audited(instance, radiologist):
    add_labels(asker=_asker(radiologist), labels=[_on(instance)])

    event = AuditEvent.objects.get(act="label")
    assert event.study_instance_uid == instance.series.study.study_instance_uid
    assert event.actor == radiologist


def test_who_only_looks_may_not_label(instance, colleague):
    with pytest.raises(NotAllowedError):
        add_labels(asker=_asker(colleague), labels=[_on(instance)])


@pytest.mark.parametrize("who", ["outsider", "nobody"])
def test_outsiders_find_nothing_to_label(instance, outsider, who):
    user = outsider if who == "outsider" else None

    with pytest.raises(NotVisibleError):
        add_labels(asker=_asker(user), labels=[_on(instance)])


def test_too_many_labels_are_refused(radiologist):
    with pytest.raises(InvalidRequestError):
        add_labels(
            asker=_asker(radiologist),
            labels=[NewLabel(label_set="a", label="b", study="1.2")] * (MAX_LABELS + 1),
        )


def test_operator_needs_no_rights_and_is_told_of_unknown_objects(instance):
    unknown = NewLabel(label_set="demo", label="a", series="9.9")

    counts = import_labels(asker=Asker(door="command"), labels=[unknown, _on(instance)])

    assert (counts.created, counts.unknown) == (1, (1,))
    assert Label.objects.get().created_by is None


def test_call_takes_few_queries_however_many_labels(
    instance, radiologist, django_assert_max_num_queries
):
    labels = [_on(instance, label=str(number)) for number in range(200)]

    with django_assert_max_num_queries(12):
        add_labels(asker=_asker(radiologist), labels=labels)


def test_each_reader_says_for_themselves(instance, radiologist, archive_admin):
    for user in (radiologist, archive_admin, radiologist):
        counts = add_labels(asker=_asker(user), labels=[_on(instance)])

    assert (counts.created, counts.existing) == (0, 1)
    assert set(Label.objects.values_list("created_by", flat=True)) == {
        radiologist.pk,
        archive_admin.pk,
    }


def test_region_of_a_frame_is_labelled(instance, radiologist):
    instance.rows, instance.columns = 100, 200
    instance.save()

    add_labels(asker=_asker(radiologist), labels=[_on(instance, region=(10, 20, 190, 80))])

    label = Label.objects.get()
    assert (label.frame, label.region, label.source) == (1, [10, 20, 190, 80], "person")


@pytest.mark.parametrize(
    "where",
    [
        {"region": (0, 0, 201, 10)},
        {"region": (0, 0, 0, 10)},
        {"region": (0, 0, 10)},
        {"region": (-1, 0, 10, 10)},
        {"frame": 2},
        {"frame": 0},
    ],
)
def test_regions_and_frames_lie_inside_the_image(instance, radiologist, where):
    instance.rows, instance.columns = 100, 200
    instance.save()

    with pytest.raises(InvalidRequestError):
        add_labels(asker=_asker(radiologist), labels=[_on(instance, **where)])


def test_regions_belong_to_images(instance, radiologist):
    label = NewLabel(
        label_set="demo",
        label="a",
        series=instance.series.series_instance_uid,
        region=(0, 0, 2, 2),
    )

    with pytest.raises(InvalidRequestError, match="of an instance"):
        add_labels(asker=_asker(radiologist), labels=[label])


def test_operator_brings_in_what_readers_said(instance, radiologist):
    labels = [_on(instance, reader="radiologist"), _on(instance)]

    assert import_labels(asker=Asker(door="command"), labels=labels).created == 2

    rows = Label.objects.order_by("pk").values_list("created_by", "source")
    assert set(rows) == {(radiologist.pk, "file"), (None, "file")}
    with pytest.raises(InvalidRequestError, match="no account"):
        import_labels(asker=Asker(door="command"), labels=[_on(instance, reader="ghost")])


def test_nobody_labels_in_anothers_name(instance, radiologist, archive_admin):
    with pytest.raises(InvalidRequestError, match="operator"):
        add_labels(asker=_asker(archive_admin), labels=[_on(instance, reader=radiologist.username)])


def test_label_is_taken_back_by_its_reader_or_an_admin(
    instance, radiologist, colleague, outsider, archive_admin, project, other_project
):
    other = User.objects.create_user("other")
    Membership.objects.create(user=other, project=project, role="annotator")
    # A radiology admin elsewhere is none here.
    Membership.objects.create(user=other, project=other_project, role="radiology_admin")
    for number in range(2):
        add_labels(asker=_asker(radiologist), labels=[_on(instance, label=str(number))])
    first, second = Label.objects.order_by("pk")

    for user, error in (
        (other, NotAllowedError),
        (colleague, NotAllowedError),
        (outsider, NotVisibleError),
        (None, NotVisibleError),
    ):
        with pytest.raises(error):
            remove_label(asker=_asker(user), label_id=first.pk)
    study_uid = first.study.study_instance_uid
    for user, may in ((other, False), (radiologist, True), (archive_admin, True)):
        assert {one.may_remove for one in study_labels(user, study_uid).labels} == {may}
    remove_label(asker=_asker(radiologist), label_id=first.pk)
    remove_label(asker=_asker(archive_admin), label_id=second.pk)

    assert not Label.objects.exists()
    assert AuditEvent.objects.filter(act="remove-label").count() == 2
