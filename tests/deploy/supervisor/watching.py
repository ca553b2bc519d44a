"""Looking at processes and files from outside."""

import contextlib
from subprocess import Popen

import psutil

from deploy.supervisor.home import Home


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def processes_of(home: Home) -> list[str]:
    """Command lines and environments that name a home: everything that runs for it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            named = process.environ().get("TWINSIGHT_HOME", "")
            if named == str(home.root) or str(home.root) in " ".join(process.cmdline()):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
    return found


def files_in_run(home: Home) -> list[str]:
    """What is left in run/, without Celery beat's schedule, which is meant to stay."""
    names = (str(path.relative_to(home.run)) for path in home.run.rglob("*") if not path.is_dir())
    return sorted(name for name in names if not name.startswith("beat-schedule"))


def first_line(process: Popen[str]) -> str:
    """Wait for the first thing a process says."""
    assert process.stdout is not None
    return str(process.stdout.readline())


def end(process: Popen[str]) -> None:
    """Kill a process that a test started and close its pipe."""
    process.kill()
    process.communicate()
