"""Trainings as people look at them: how far, how good, where worse. No torch here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.errors import NotVisibleError
from inference.models import ModelVersion, TrainingRun
from inference.training.recipe import NETWORKS
from inference.training.stages import stage_in_words

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

SHOWN = 200


def list_trainings(user: AnyUser | None) -> list[TrainingRun]:
    """Return the newest trainings.

    Parameters
    ----------
    user : a radiology admin of the whole archive, or None for the operator

    Raises
    ------
    NotAllowedError
        The user is no such admin.
    """
    return list(_trainings(user)[:SHOWN])


def find_training(user: AnyUser | None, pk: int) -> TrainingRun:
    """Return one training.

    Raises
    ------
    NotAllowedError
        As for `list_trainings`.
    NotVisibleError
        There is no such training.
    """
    training = _trainings(user).filter(pk=pk).first()
    if training is None:
        raise NotVisibleError("There is no such training.")
    return training


def place_in_queue(training: TrainingRun) -> int:
    """Return how many trainings are before a queued one, those at work included."""
    states = (TrainingRun.State.QUEUED, TrainingRun.State.RUNNING)
    return TrainingRun.objects.filter(state__in=states, pk__lt=training.pk).count()


def lendable_models() -> list[ModelVersion]:
    """Return the registered models whose weights a training may begin with."""
    rows = ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED).exclude(bundle_path="")
    rows = rows.filter(task=ModelVersion.Task.CLASSIFY, pipeline__in=("classifier", "bundle"))
    return [
        row
        for row in rows.order_by("name", "-created_at")
        if row.pipeline == "bundle" or row.config.get("network") in (*NETWORKS, "lite0")
        if row.config.get("input") != "vector"
    ]


def headline_of(training: TrainingRun) -> str:
    """Return a training's state in a few words: its figures, or how far it is."""
    metrics = training.metrics
    if "mean_dice" in metrics:
        value = metrics["mean_dice"][0]
        return gettext("no figures") if value is None else f"Dice {value:.3f}"
    if metrics:
        area = metrics["macro_auc"][0]
        auc = "" if area is None else f", AUC {area:.3f}"
        accuracy = gettext("accuracy %(n)s") % {"n": f"{metrics['accuracy'][0]:.3f}"}
        return f"{accuracy}{auc}"
    if training.message:
        return training.message
    progress = training.progress
    if "epoch" in progress:
        return gettext("epoch %(epoch)s of %(epochs)s") % dict(progress)
    return stage_in_words(str(progress.get("stage", "")))


def _trainings(user: AnyUser | None) -> QuerySet[TrainingRun]:
    if user is not None:
        require_site_radiology_admin(user)
    return TrainingRun.objects.select_related("model_version", "created_by").order_by("-pk")
