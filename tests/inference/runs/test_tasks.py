"""What the scheduler calls: a space is filled, indexed and answers without a hand on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from deploy.celery import app
from inference.models import EmbeddingSpace, SpaceFill
from inference.runs.tasks import dispatch_runs_task, fill_spaces_task
from inference.similarity.spaces.lifecycle import fill_space, retire_space
from inference.similarity.tasks import purge_spaces_task
from inference.training.tasks import refit_adapted_task
from tests.builders.datasets import make_dataset
from tests.builders.spaces import make_descriptor_space
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

OPERATOR = Asker(door="command", name="test")


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """Celery runs tasks where they are sent from."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_beat_fills_a_space_to_its_end_and_clears_it_away(project: object) -> None:
    space = make_descriptor_space()
    store_datasets(make_dataset(), make_dataset(), project=project)
    fill_space(OPERATOR, space.name)

    for _ in range(3):
        SpaceFill.objects.update(ticked_at=timezone.now() - timedelta(minutes=1))
        fill_spaces_task()
        dispatch_runs_task()

    space.refresh_from_db()
    assert space.state == EmbeddingSpace.State.READY
    assert space.embeddings.count() == 4
    retire_space(OPERATOR, space.name)
    purge_spaces_task()
    assert not space.embeddings.exists()


def test_nothing_to_refit_is_nothing_done() -> None:
    assert refit_adapted_task() == 0
