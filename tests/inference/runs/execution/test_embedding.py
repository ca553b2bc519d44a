"""Series to vectors: decoded ahead of the network, whole, and whatever can't be read told."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid

from inference.errors import UnsupportedInputError
from inference.models import Embedding
from inference.runs.execution import embedding
from inference.runs.execution.embedding import ensure_embedded
from tests.builders.datasets import make_dataset
from tests.builders.spaces import make_descriptor_space
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from archive.models import Project, Series
    from inference.models import EmbeddingSpace

pytestmark = pytest.mark.django_db


@pytest.fixture
def space() -> EmbeddingSpace:
    return make_descriptor_space()


def store_series(project: Project, count: int) -> Series:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    slices = [
        make_dataset(InstanceNumber=number + 1, ImagePositionPatient=[0, 0, number], **uids)
        for number in range(count)
    ]
    return store_datasets(*slices, project=project)[0].series


def unreadable(uids: dict[str, str]) -> object:
    garbage = encapsulate([b"no JPEG 2000 codestream at all" * 4])
    return make_dataset(transfer_syntax=JPEG2000Lossless, PixelData=garbage, **uids)


def vectors(space: EmbeddingSpace, level: str) -> int:
    return Embedding.objects.filter(space=space, level=level).count()


def test_every_image_gets_its_own_vector_and_the_series_one(
    project: Project, space: EmbeddingSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = store_series(project, 20)
    monkeypatch.setattr(embedding, "batch_images", lambda device: 6)

    assert ensure_embedded(space.model_version, series) == (20, 0, "cpu")

    assert vectors(space, Embedding.Level.INSTANCE) == 20
    assert vectors(space, Embedding.Level.SERIES) == 1
    assert ensure_embedded(space.model_version, series) == (0, 0, "cpu")


def test_each_vector_belongs_to_its_image_however_they_are_decoded(
    project: Project, space: EmbeddingSpace
) -> None:
    """Images are prepared in other threads, out of step with the reader."""
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    ramps = [np.linspace(0, 100 * number + 1, 16 * 12).astype("<i2") for number in range(9)]
    instances = store_datasets(
        *(make_dataset(PixelData=ramp.tobytes(), **uids) for ramp in ramps), project=project
    )
    encoder = embedding.encoder_of(space)

    ensure_embedded(space.model_version, instances[0].series)

    for instance in instances:
        ready = embedding._prepare(instance, encoder)
        row = Embedding.objects.get(space=space, instance=instance, level="instance")
        expected = encoder.embed([ready[0][2]])[0]
        assert np.allclose(np.asarray(row.vector), expected, atol=2e-3)


def test_images_are_decoded_while_the_network_works(
    project: Project, space: EmbeddingSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network holds its first batch of two until all eight images are decoded."""
    series = store_series(project, 8)
    prepared = threading.Semaphore(0)
    held = iter([8])
    real = embedding.encoder_of(space)

    def prepare(picture: np.ndarray) -> np.ndarray:
        ready = real.prepare(picture)
        prepared.release()
        return ready

    def embed(images: list[np.ndarray]) -> np.ndarray:
        for _ in range(next(held, 0)):
            assert prepared.acquire(timeout=60)
        return real.embed(images)

    watched = SimpleNamespace(device="cpu", prepare=prepare, embed=embed)
    monkeypatch.setattr(embedding, "encoder_of", lambda _space: watched)
    monkeypatch.setattr(embedding, "batch_images", lambda device: 2)

    assert ensure_embedded(space.model_version, series)[0] == 8


def test_unreadable_images_are_counted_and_the_others_embedded(
    project: Project, space: EmbeddingSpace
) -> None:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    stored = store_datasets(
        make_dataset(**uids), unreadable(uids), make_dataset(**uids), project=project
    )
    assert ensure_embedded(space.model_version, stored[0].series) == (2, 1, "cpu")


def test_series_that_can_not_be_decoded_is_unsupported(
    project: Project, space: EmbeddingSpace
) -> None:
    stored = store_datasets(unreadable({}), project=project)
    with pytest.raises(UnsupportedInputError, match="decoded"):
        ensure_embedded(space.model_version, stored[0].series)


def test_decoding_asks_no_database(
    project: Project, space: EmbeddingSpace, django_assert_num_queries: object
) -> None:
    """Other threads have connections of their own, which nobody would close."""
    series = store_series(project, 2)
    instances = embedding.image_instances(series)
    encoder = embedding.encoder_of(space)
    with django_assert_num_queries(0):
        for instance in instances:
            assert embedding._prepare(instance, encoder)
