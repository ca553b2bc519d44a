"""What the doors ask beside searching: spaces, counts, labels."""

import pytest

from archive.errors import NotVisibleError
from inference.models import Label
from inference.similarity.selectors import embedded_counts, labels_of, list_spaces
from inference.similarity.types import EmbeddedCounts, Level
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.archive import InstanceFactory, StudyFactory

pytestmark = pytest.mark.django_db


def test_list_spaces_has_the_default_first():
    other, default = make_space(), make_space()

    spaces = list_spaces()

    assert [space.name for space in spaces] == [default.name, other.name]
    assert [space.is_default for space in spaces] == [True, False]
    assert not any(space.has_encoder for space in spaces)


def test_embedded_counts_of_a_study(radiologist, project, space):
    series = make_case(space, [direction(0), direction(1)], projects=[project])

    counts = embedded_counts(radiologist, series.study.study_instance_uid)

    assert counts == EmbeddedCounts(series=1, instances=2, frames=0)


def test_embedded_counts_without_a_space_are_zero(radiologist, project):
    study = StudyFactory(projects=[project])

    assert embedded_counts(radiologist, study.study_instance_uid) == EmbeddedCounts()


def test_embedded_counts_outside_the_rights_are_not_there(outsider, project, space):
    series = make_case(space, [direction(0)], projects=[project])

    with pytest.raises(NotVisibleError):
        embedded_counts(outsider, series.study.study_instance_uid)


def test_labels_of_each_level():
    instance = InstanceFactory()
    series, study = instance.series, instance.series.study
    sibling = InstanceFactory(series=series)
    for label, options in (
        ("on-study", {}),
        ("on-series", {"series": series}),
        ("on-instance", {"series": series, "instance": instance}),
        ("on-bare-instance", {"instance": instance}),
    ):
        Label.objects.create(study=study, label_set="s", label=label, **options)
    everything = ("s:on-bare-instance", "s:on-instance", "s:on-series", "s:on-study")

    assert labels_of(Level.STUDY, [(study.pk, series.pk, None)]) == [everything]
    assert labels_of(Level.SERIES, [(study.pk, series.pk, None)]) == [everything]
    assert labels_of(Level.INSTANCE, [(study.pk, series.pk, instance.pk)]) == [everything]
    assert labels_of(Level.FRAME, [(study.pk, series.pk, sibling.pk)]) == [
        ("s:on-series", "s:on-study")
    ]


def test_labels_of_nothing():
    assert labels_of(Level.SERIES, []) == []
