"""What a process may load, and how long a task may take."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_web_process_never_loads_what_computes() -> None:
    program = (
        "import deploy.wsgi, sys;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(sorted({'torch', 'monai', 'scipy', 'highdicom', 'pydicom.sr'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_every_task_states_both_time_limits() -> None:
    from deploy.celery import app

    app.loader.import_default_modules()
    own = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert own
    for name, task in own.items():
        assert task.soft_time_limit, f"{name} has no soft time limit"
        assert task.time_limit, f"{name} has no hard time limit"
        assert task.soft_time_limit < task.time_limit, name


def test_every_scheduled_task_exists() -> None:
    from deploy.celery import app

    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
