"""Run one model on one series: the only room that reaches torch and MONAI."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from archive.errors import ArchiveError
from inference.errors import UnsupportedInputError
from inference.runs import services
from inference.runs.execution.classification import run_classification
from inference.runs.execution.embedding import run_embedding
from inference.runs.execution.segmentation import run_bundle_segmentation, run_ct_segmentation

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.models import Run
    from inference.runs.types import RunOutcome

logger = logging.getLogger(__name__)

PIPELINES: dict[str, Callable[[Run], RunOutcome]] = {
    "lite0": run_embedding,
    "linear_head": run_classification,
    "ct_threshold": run_ct_segmentation,
    "bundle": run_bundle_segmentation,
}


def execute_run(run: Run) -> None:
    """Run a claimed run's model and record what came of it; never raises.

    Images that the model was not made for are no failure: the run says so and ends.
    """
    try:
        outcome = PIPELINES[run.model_version.pipeline](run)
        services.finish_run(run, outcome)
    except UnsupportedInputError as error:
        services.skip_run(run, error.message)
    except SoftTimeLimitExceeded:
        services.fail_run(run, "The model took too long.", is_retriable=False)
    except ArchiveError as error:
        logger.warning("run failed", extra={"run": run.pk, "code": error.code})
        services.fail_run(run, error.message, is_retriable=error.retriable)
    except OperationalError:
        # The row can't be written either: the lease runs out and the reconciler brings it back.
        logger.exception("database lost during a run", extra={"run": run.pk})
    except Exception as error:
        logger.exception("run failed", extra={"run": run.pk})
        services.fail_run(run, f"{type(error).__name__} in the model.", is_retriable=True)
