"""Several readers of one object."""

import pytest
from django.contrib.auth.models import User

from inference.models import Label
from inference.similarity.attributes.consensus import agreed_labels, agreed_of
from inference.similarity.selectors import labels_of
from inference.similarity.types import Level
from tests.factories.archive import InstanceFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        ([{"a"}], {"a"}),
        ([{"a", "b"}], {"a", "b"}),
        ([{"a"}, {"a"}, {"b"}], {"a"}),
        ([{"a"}, {"b"}], {"a", "b"}),
        ([{"a"}, {"b"}, {"c"}], {"a", "b", "c"}),
        ([{"a"}, {"a"}, {"b"}, {"c"}, {"d"}], {"a"}),
    ],
)
def test_what_half_of_the_readers_say_counts(said, agreed):
    assert agreed_of(dict(enumerate(said))) == agreed


def test_an_object_counts_once_and_regions_are_parts(db):
    image = InstanceFactory()
    study = image.series.study
    readers = [User.objects.create_user(f"reader{number}") for number in range(3)]
    for reader, label in zip(readers, ["mass", "mass", "none"], strict=True):
        Label.objects.create(
            study=study, instance=image, label_set="s", label=label, created_by=reader
        )
    Label.objects.create(
        study=study, instance=image, label_set="s", label="cyst", frame=1, region=[1, 1, 4, 4]
    )

    assert agreed_labels("s") == {(study.pk, None, image.pk): {"mass"}}
    hit = (study.pk, image.series_id, image.pk)
    assert labels_of(Level.INSTANCE, [hit], agreed_set="s") == [("s:mass",)]
    assert labels_of(Level.INSTANCE, [hit]) == [("s:cyst", "s:mass", "s:none")]
    assert agreed_labels("other") == {}
