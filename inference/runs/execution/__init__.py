"""Run one model on one series: the only room that reaches torch and MONAI."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils.module_loading import import_string

from archive.errors import ArchiveError
from inference.errors import UnsupportedInputError
from inference.runs import services

if TYPE_CHECKING:
    from inference.models import Run

logger = logging.getLogger(__name__)

# By name: a worker that only embeds never spends seconds and memory on torch and MONAI.
_HERE = "inference.runs.execution"
PIPELINES = {
    "lite0": f"{_HERE}.embedding.run_embedding",
    "descriptor": f"{_HERE}.embedding.run_embedding",
    "projection": f"{_HERE}.embedding.run_embedding",
    "linear_head": f"{_HERE}.classification.run_classification",
    "ct_threshold": f"{_HERE}.segmentation.run_ct_segmentation",
    "bundle": f"{_HERE}.segmentation.run_bundle_segmentation",
}


def execute_run(run: Run) -> None:
    """Run a claimed run's model and record what came of it; never raises.

    Images that the model was not made for are no failure: the run says so and ends.
    """
    try:
        outcome = import_string(PIPELINES[run.model_version.pipeline])(run)
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
