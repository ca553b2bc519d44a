"""Run one model on one series: the only room that reaches torch and MONAI."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from archive.errors import ArchiveError
from inference.errors import UnsupportedInputError
from inference.models import Run
from inference.runs.execution.life import RunStoppedError, kept_alive
from inference.runs.execution.recording import peak_memory_mb, record_patiently
from inference.runs.explanations import answer_of, is_explained_at_once, record_explanation
from inference.runs.finishing import fail_run, finish_run, skip_run, stop_run
from inference.runs.run_log import logging_into

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.runs.explanations import Answer
    from inference.runs.types import RunOutcome

logger = logging.getLogger(__name__)

# By name: a worker that only embeds never spends seconds and memory on torch and MONAI.
_HERE = "inference.runs.execution"
PIPELINES = {
    "lite0": f"{_HERE}.embedding.run_embedding",
    "embedder": f"{_HERE}.embedding.run_embedding",
    "descriptor": f"{_HERE}.embedding.run_embedding",
    "projection": f"{_HERE}.embedding.run_embedding",
    "linear_head": f"{_HERE}.classification.run_classification",
    "classifier": f"{_HERE}.trained.run_trained_classification",
    "ct_threshold": f"{_HERE}.segmentation.run_ct_segmentation",
    "heatmap_detector": f"{_HERE}.detection.run_detection",
    "bundle": f"{_HERE}.bundles.run_bundle_version",
    "brain_tissue": f"{_HERE}.brain.run_brain_tissue",
}


def execute_run(run: Run) -> None:
    """Run a claimed run's model and record what came of it; never raises.

    Images that the model was not made for are no failure: the run says so and ends.
    """
    began = time.monotonic()
    with logging_into(run):
        record = _work(run)
    run.timings = {**run.timings, "total": round(time.monotonic() - began, 3)}
    run.memory_mb = peak_memory_mb()
    record_patiently(run, record)


def _work(run: Run) -> Callable[[], None]:
    """Run the model; return what records its end."""
    try:
        with kept_alive(run):
            outcome = import_string(PIPELINES[run.model_version.pipeline])(run)
            outcome = _explained(run, outcome)
    except RunStoppedError:
        return partial(stop_run, run)
    except UnsupportedInputError as error:
        return partial(skip_run, run, error.message)
    # The edge of the worker: whatever a model raises is written down, and the next run begins.
    except Exception as error:
        logger.exception("run failed", extra={"run": run.pk})
        return _failure(run, error)
    return partial(finish_run, run, outcome)


def _failure(run: Run, error: Exception) -> Callable[[], None]:
    """Say what an error means for the run; return what records it."""
    if isinstance(error, SoftTimeLimitExceeded):
        words, is_retriable = gettext_noop("The model took too long."), False
    elif isinstance(error, ArchiveError):
        words, is_retriable = error.message, error.retriable
    elif isinstance(error, OperationalError | InterfaceError):
        words, is_retriable = gettext_noop("The database was out of reach."), True
    else:
        words, is_retriable = f"{type(error).__name__} in the model.", True
    return partial(fail_run, run, words, is_retriable=is_retriable)


def _explained(run: Run, outcome: RunOutcome) -> RunOutcome:
    """Add the heat map of a classification; one that can't be made costs no result."""
    answer = answer_of(outcome.findings) if is_explained_at_once(run.model_version) else None
    if answer is None:
        return outcome
    from inference.runs.execution.heatmaps import explain  # noqa: PLC0415 torch, for this alone

    began = time.monotonic()
    try:
        outputs = explain(run, answer)
    except ArchiveError as error:
        logger.warning("not explained", extra={"run": run.pk, "code": error.code})
        return replace(outcome, message=f"{outcome.message} Not explained: {error.message}".strip())
    timings = {**outcome.timings, "explain": round(time.monotonic() - began, 3)}
    return replace(outcome, outputs={**outcome.outputs, **outputs}, timings=timings)


def explain_run(run_id: int, answer: Answer) -> None:
    """Make the heat map of a run that succeeded; where it can't be made, nothing changes."""
    from inference.runs.execution.heatmaps import explain  # noqa: PLC0415 as above

    run = Run.objects.select_related("model_version", "series", "study").get(pk=run_id)
    try:
        record_explanation(run_id, explain(run, answer))
    except ArchiveError as error:
        logger.warning("not explained", extra={"run": run_id, "code": error.code})
