"""Ask for trainings, hand them to workers, record how far they are. No torch here."""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit import training as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from inference.bundles.external import EXTERNAL
from inference.models import Label, ModelVersion, Run, TrainingRun
from inference.similarity.spaces.lifecycle import require_admin
from inference.training.recipe import MODEL_PREFIX, Recipe, read_recipe

if TYPE_CHECKING:
    from archive.audit.types import Asker

logger = logging.getLogger(__name__)

State = TrainingRun.State
# Soft limit < hard limit < lease.
TRAIN_SOFT_LIMIT_S, TRAIN_LIMIT_S = 3000, 3060
LEASE = timedelta(seconds=600)
# After so long a training makes room for what others wait for, and goes on after it.
SLICE_S = 120.0
# Before this a training makes room at the end of an epoch all the same: the task would be ended.
MOST_S = 2400.0
# A training that takes its worker with it so often is given up.
MAX_ATTEMPTS = 3
HANDED_OUT_FOR = timedelta(seconds=120)
_OPERATOR = frozenset({"command", "schedule", "demo"})
ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


def request_training(asker: Asker, values: dict[str, Any]) -> TrainingRun:
    """Queue a training.

    Parameters
    ----------
    asker : a radiology admin of the whole archive, or the operator
    values : a recipe, see `inference.training.recipe`

    Returns
    -------
    The queued training.

    Raises
    ------
    NotAllowedError
        The asker is no such admin, or names a folder of the server.
    InvalidRequestError
        The recipe can't be followed.
    NotVisibleError
        The backbone's model is not there.
    """
    require_admin(asker)
    recipe = read_recipe(values)
    if recipe.folder and asker.door not in _OPERATOR:
        raise NotAllowedError(gettext("Folders of the server are for its operator."))
    if recipe.label_set and not Label.objects.filter(label_set=recipe.label_set).exists():
        raise InvalidRequestError(
            gettext("There are no labels in a set “%(label_set)s”.")
            % {"label_set": recipe.label_set}
        )
    start_of(recipe)
    with transaction.atomic():
        training = TrainingRun.objects.create(
            name=recipe.name,
            recipe=recipe.as_json(),
            created_by_id=asker.user.pk if asker.user else None,
        )
        training.folder = str(Path(settings.TWINSIGHT_MODELS_DIR) / "trainings" / str(training.pk))
        training.save(update_fields=["folder"])
        audit.record_training_requested(
            asker,
            training=training.pk,
            model=recipe.name,
            label_set=recipe.label_set or ", ".join(recipe.segments),
            backbone=recipe.backbone,
        )
    return training


def cancel_training(asker: Asker, pk: int) -> TrainingRun:
    """Cancel a training: at once where it waits, at the end of its epoch where it works.

    Raises
    ------
    NotAllowedError, NotVisibleError
        As for `request_training`; no such training.
    InvalidRequestError
        It is over.
    """
    require_admin(asker)
    with transaction.atomic():
        training = _locked(pk)
        if training.state in ENDED:
            raise InvalidRequestError(gettext("This training is over."))
        training.cancel_requested_at = timezone.now()
        if training.state == State.QUEUED:
            training.state, training.finished_at = State.CANCELLED, timezone.now()
        training.save()
        audit.record_training_changed(asker, training=pk, act="cancel-training")
    return training


def resume_training(asker: Asker, pk: int) -> TrainingRun:
    """Queue a cancelled or failed training again; it goes on from its last checkpoint.

    Raises
    ------
    NotAllowedError, NotVisibleError
        As for `cancel_training`.
    InvalidRequestError
        It is neither cancelled nor failed.
    """
    require_admin(asker)
    with transaction.atomic():
        training = _locked(pk)
        if training.state not in {State.CANCELLED, State.FAILED}:
            raise InvalidRequestError(
                gettext("Only a cancelled or failed training can be resumed.")
            )
        training.state, training.message, training.attempts = State.QUEUED, "", 0
        training.cancel_requested_at = training.finished_at = training.lease_until = None
        training.save()
        audit.record_training_changed(asker, training=pk, act="resume-training")
    return training


def remove_training(asker: Asker, pk: int) -> None:
    """Remove a training that is over, with its checkpoints; the model it made stays.

    Raises
    ------
    NotAllowedError, NotVisibleError
        As for `cancel_training`.
    InvalidRequestError
        It is not over.
    """
    require_admin(asker)
    with transaction.atomic():
        training = _locked(pk)
        if training.state not in ENDED:
            raise InvalidRequestError(gettext("Cancel the training first."))
        folder = training.folder
        training.delete()
        audit.record_training_changed(asker, training=pk, act="remove-training")
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def start_of(recipe: Recipe) -> ModelVersion | None:
    """Return the registered model whose weights a recipe begins with, if it names one.

    Raises
    ------
    NotVisibleError
        There is none of that name that has files and is not retired.
    """
    if not recipe.backbone.startswith(MODEL_PREFIX):
        return None
    name, _, number = recipe.backbone.removeprefix(MODEL_PREFIX).partition(":")
    rows = ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED).filter(name=name)
    rows = rows.filter(version=number) if number else rows
    version = rows.exclude(bundle_path="").order_by("-created_at").first()
    if version is None:
        raise NotVisibleError(f"There is no model {name!r} to begin with.")
    return version


def due_trainings() -> list[int]:
    """Return the keys of trainings that may start now: one at a time, the oldest first.

    Those whose worker is gone are queued again first, or given up.
    """
    _bring_back_lost()
    now = timezone.now()
    with transaction.atomic():
        if TrainingRun.objects.filter(state=State.RUNNING).exists():
            return []
        waiting = TrainingRun.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state=State.QUEUED
        )
        first = waiting.order_by("pk").first()
        if first is None or (first.lease_until is not None and first.lease_until > now):
            return []
        first.lease_until = now + HANDED_OUT_FOR
        first.save(update_fields=["lease_until"])
        return [first.pk]


def claim_training(pk: int) -> TrainingRun | None:
    """Take a queued training for this process; None where someone else has it or it is over."""
    now = timezone.now()
    with transaction.atomic():
        training = (
            TrainingRun.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=pk, state=State.QUEUED)
            .first()
        )
        if training is None:
            return None
        training.state = State.RUNNING
        training.attempts += 1
        training.started_at = training.started_at or now
        training.lease_until = now + LEASE
        training.save()
    return training


def note_progress(training: TrainingRun, progress: dict[str, Any]) -> bool:
    """Write down how far a training is, and keep it; return whether somebody cancelled it."""
    TrainingRun.objects.filter(pk=training.pk).update(
        progress=progress, lease_until=timezone.now() + LEASE
    )
    asked = TrainingRun.objects.filter(pk=training.pk).values_list("cancel_requested_at", "state")
    row = asked.first()
    return row is None or row[0] is not None or row[1] != State.RUNNING


def is_worker_wanted() -> bool:
    """Whether runs that somebody waits for are due and no worker has taken them."""
    due = Run.objects.filter(
        is_background=False, state=Run.State.QUEUED, not_before__lte=timezone.now()
    )
    return due.exclude(model_version__pipeline=EXTERNAL).exists()


def pause_training(training: TrainingRun, *, keeps_attempts: bool = False) -> None:
    """Put a training back into the queue, to go on from its checkpoint."""
    TrainingRun.objects.filter(pk=training.pk, state=State.RUNNING).update(
        state=State.QUEUED,
        attempts=training.attempts if keeps_attempts else 0,
        lease_until=None,
    )


def end_training(training: TrainingRun, state: str, message: str = "", **values: Any) -> None:
    """Record the end of a training: succeeded, failed or cancelled, with what came of it."""
    TrainingRun.objects.filter(pk=training.pk).update(
        state=state,
        message=message[:500],
        lease_until=None,
        finished_at=timezone.now(),
        **values,
    )


def _bring_back_lost() -> None:
    lost = TrainingRun.objects.filter(
        Q(lease_until__lte=timezone.now()) | Q(lease_until=None), state=State.RUNNING
    )
    for training in lost:
        logger.warning("worker of a training is gone", extra={"training": training.pk})
        if training.attempts >= MAX_ATTEMPTS:
            words = f"Its worker died {training.attempts} times: too little memory, perhaps."
            end_training(training, State.FAILED, words)
        else:
            TrainingRun.objects.filter(pk=training.pk, state=State.RUNNING).update(
                state=State.QUEUED, lease_until=None
            )


def _locked(pk: int) -> TrainingRun:
    training = TrainingRun.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if training is None:
        raise NotVisibleError("There is no such training.")
    return training
