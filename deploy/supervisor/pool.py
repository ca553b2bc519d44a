"""Loaded into Celery workers (`--include`): pool processes die with their master."""

import os
import signal
from typing import Any

from celery.signals import worker_process_init

from deploy.supervisor.launch import die_with_parent
from deploy.supervisor.programs import POOL_NICENESS_VARIABLE


def _step_back(**_: Any) -> None:
    os.nice(int(os.environ.get(POOL_NICENESS_VARIABLE, "0")))


def _die_with_master(**_: Any) -> None:
    # A master that is killed outright leaves its pool waiting for work that never comes.
    die_with_parent(signal.SIGKILL)


worker_process_init.connect(_die_with_master)
worker_process_init.connect(_step_back)
