from __future__ import annotations

import pytest

from inference.models import EmbeddingSpace, Run
from tests.builders.datasets import make_dataset
from tests.builders.spaces import keys_of, make_descriptor_space, series_in
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


def test_named_space_is_filled_by_the_workers(run, space, series):
    texture = make_descriptor_space()

    ran = run("embed", "--space", texture.name)

    assert f"{texture.name}: filling, 0 of 2 series, 0 of 2 images (0 %)" in ran.out
    assert not Run.objects.exists()


def test_named_space_is_filled_at_once_where_asked(run, space, series):
    texture = make_descriptor_space()

    ran = run("embed", "--space", texture.name, "--now")

    assert "ready, 2 of 2 series, 2 of 2 images (100 %)" in ran.out
    assert series_in(texture) == keys_of(series)


def test_every_space_is_filled_in_one_go(run, series):
    names = [make_descriptor_space(name).name for name in ("texture-v1", "shape-v1")]

    run("embed", "--all", "--now")

    assert list(EmbeddingSpace.objects.filter(name__in=names).values_list("state", flat=True)) == [
        "ready",
        "ready",
    ]


def test_limit_is_for_what_is_done_here(run, space, series):
    texture = make_descriptor_space()

    ran = run("embed", "--space", texture.name, "--limit", "1")

    assert "--limit goes with --now" in str(ran.error)
    assert run("embed", "--limit", "1").out.startswith("1 series queued")
