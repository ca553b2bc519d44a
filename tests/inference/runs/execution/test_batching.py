"""Small cases of one model go together; each still has a run of its own."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pydicom.uid import generate_uid

from inference.models import Embedding, Run
from inference.runs.execution import embedding
from inference.runs.execution.batching import small_cases_beside
from inference.runs.operations import run_here
from inference.runs.queueing import queue_run
from tests.builders.datasets import make_dataset
from tests.builders.spaces import make_descriptor_space
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    import numpy as np

    from archive.models import Project, Series
    from inference.models import EmbeddingSpace

pytestmark = pytest.mark.django_db


@pytest.fixture
def space() -> EmbeddingSpace:
    return make_descriptor_space()


def store_series(project: Project, images: int) -> Series:
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    slices = (make_dataset(InstanceNumber=number, **uids) for number in range(1, images + 1))
    return store_datasets(*slices, project=project)[0].series


def queue(space: EmbeddingSpace, project: Project, *sizes: int) -> list[Run]:
    runs = [
        queue_run(version=space.model_version, series=store_series(project, size)) for size in sizes
    ]
    Run.objects.update(not_before=timezone.now())
    return runs


def test_small_cases_share_a_batch_and_keep_their_runs(
    project: Project, space: EmbeddingSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = queue(space, project, 1, 2, 1, 3)
    real, batches = embedding.encoder_of(space), []

    def embed(images: list[np.ndarray]) -> np.ndarray:
        batches.append(len(images))
        return real.embed(images)

    watched = SimpleNamespace(device="cpu", prepare=real.prepare, embed=embed)
    monkeypatch.setattr(embedding, "encoder_of", lambda _space: watched)

    done = list(run_here([run.pk for run in runs]))

    assert batches == [7]
    assert {run.state for run in done} == {Run.State.SUCCEEDED}
    messages = [run.message for run in done]
    assert messages == ["1 images embedded.", *["0 images embedded."] * 3]
    rows = Embedding.objects.filter(space=space)
    assert rows.filter(level=Embedding.Level.INSTANCE).count() == 7
    assert rows.filter(level=Embedding.Level.SERIES).count() == 4


def test_large_cases_wait_for_nobody(project: Project, space: EmbeddingSpace) -> None:
    large, small = queue(space, project, 5, 1)
    assert small_cases_beside(large) == []
    assert small_cases_beside(small) == []


def test_batch_has_an_end(project: Project, space: EmbeddingSpace) -> None:
    runs = queue(space, project, 4, 4, 4, 4, 4)
    assert len(small_cases_beside(runs[0])) == 3


def test_cases_that_still_arrive_or_were_cancelled_stay_out(
    project: Project, space: EmbeddingSpace
) -> None:
    first, arriving, cancelled, other = queue(space, project, 1, 1, 1, 1)
    later = timezone.now() + timedelta(minutes=1)
    Run.objects.filter(pk=arriving.pk).update(not_before=later)
    Run.objects.filter(pk=cancelled.pk).update(state=Run.State.CANCELLED)
    assert small_cases_beside(first) == [other.series]


def test_what_the_models_intended_use_excludes_stays_out(
    project: Project, space: EmbeddingSpace
) -> None:
    first, _ = queue(space, project, 1, 1)
    first.model_version.inputs = {"modalities": ["MR"]}
    assert small_cases_beside(first) == []
