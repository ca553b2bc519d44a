from __future__ import annotations

import pytest

from inference.models import Run
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.builders.vectors import make_space
from tests.factories.inference import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def space():
    return make_space()


@pytest.fixture
def series():
    return [instance.series for instance in store_datasets(make_dataset(), make_dataset())]


def test_series_without_vectors_are_queued(run, space, series):
    RunFactory(
        series=series[0],
        model_version=space.model_version,
        state=Run.State.SUCCEEDED,
        not_before="2026-01-01T00:00:00Z",
    )

    ran = run("embed")

    assert "1 series queued" in ran.out
    assert Run.objects.get(state=Run.State.QUEUED).series == series[1]


def test_named_series_are_queued_in_any_case(run, space, series):
    ran = run("embed", series[0].series_instance_uid, "--space", space.name)

    assert "1 series queued" in ran.out
    assert Run.objects.get().series == series[0]


def test_objects_without_images_are_left_out(run, space):
    store_datasets(make_dataset(Modality="SR", PixelData=None, Rows=None))

    assert "0 series queued" in run("embed").out


def test_unknown_space_is_one_sentence(run, space):
    assert str(run("embed", "--space", "none").error) == "There is no embedding space 'none'."
