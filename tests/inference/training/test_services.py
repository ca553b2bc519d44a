"""The queue of trainings: one at a time, brought back when a worker is gone, else given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import AuditEvent
from inference.models import Label, TrainingRun
from inference.training import services
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db

OPERATOR = Asker(door="command", name="test")
State = TrainingRun.State


@pytest.fixture(autouse=True)
def labelled(settings, tmp_path, project):
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    Label.objects.create(study=StudyFactory(), label_set="finding", label="mass")


def ask(asker=OPERATOR, **values):
    return services.request_training(asker, {"name": "mass", "label_set": "finding", **values})


def test_request_is_audited_and_has_a_folder_of_its_own(archive_admin):
    training = ask(Asker(door="portal", user=archive_admin))

    assert training.folder.endswith(f"trainings/{training.pk}")
    event = AuditEvent.objects.get(act="request-training")
    assert event.actor == archive_admin
    assert event.details["labels"] == "finding"


def test_people_without_the_right_and_folders_by_the_portal_are_refused(radiologist, archive_admin):
    with pytest.raises(NotAllowedError):
        ask(Asker(door="portal", user=radiologist))
    with pytest.raises(NotAllowedError):
        ask(Asker(door="portal", user=archive_admin), label_set="", folder="/etc")


@pytest.mark.parametrize(
    "values",
    [
        {"name": "With Space"},
        {"backbone": "unheard"},
        {"dropout": 1.5},
        {"folds": 1},
        {"epochs": "twelve"},
        {"unheard": 1},
        {"augmentation": ["magic"]},
        {"label_set": ""},
    ],
)
def test_recipe_that_cannot_be_followed_is_refused(values):
    with pytest.raises(InvalidRequestError):
        ask(**values)


def test_one_training_at_a_time_the_oldest_first():
    first, second = ask(), ask()

    assert services.due_trainings() == [first.pk]
    assert services.due_trainings() == []
    assert services.claim_training(first.pk) is not None
    assert services.claim_training(first.pk) is None
    assert services.due_trainings() == []
    services.end_training(first, State.SUCCEEDED)
    assert services.due_trainings() == [second.pk]


def test_training_whose_worker_is_gone_comes_back_three_times():
    training = ask()
    for attempt in range(services.MAX_ATTEMPTS):
        assert services.due_trainings() == [training.pk]
        claimed = services.claim_training(training.pk)
        assert claimed is not None
        assert claimed.attempts == attempt + 1
        TrainingRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert services.due_trainings() == []

    training.refresh_from_db()
    assert training.state == State.FAILED
    assert "worker died 3 times" in training.message


def test_progress_keeps_the_lease_and_tells_of_cancelling():
    training = ask()
    claimed = services.claim_training(training.pk)
    assert claimed is not None

    assert services.note_progress(claimed, {"epoch": 1}) is False
    services.cancel_training(OPERATOR, training.pk)
    assert services.note_progress(claimed, {"epoch": 2}) is True
    training.refresh_from_db()
    assert training.progress == {"epoch": 2}
    assert training.lease_until > timezone.now()


def test_what_is_over_is_neither_cancelled_nor_resumed():
    training = ask()
    services.end_training(training, State.SUCCEEDED)

    with pytest.raises(InvalidRequestError):
        services.cancel_training(OPERATOR, training.pk)
    with pytest.raises(InvalidRequestError):
        services.resume_training(OPERATOR, training.pk)
