from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent
from inference.models import Label
from inference.training.labelling import MAX_LABELS, NewLabel, add_labels, import_labels
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
