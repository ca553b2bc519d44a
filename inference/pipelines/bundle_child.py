"""Start the process in which a bundle runs, and hear what came of it."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from inference.errors import BundleRunError

logger = logging.getLogger(__name__)

_PROJECT_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "inference.pipelines.bundle_process"
_LAST_WORDS = 400
# All that a bundle's process sees of ours: no database, no broker, no secret key.
_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
)


def run_child(
    run: str, request: dict[str, Any], work: Path, *, timeout_s: float, is_trusted: bool
) -> dict[str, Any]:
    """Run one of our own functions in a process of its own, with a request.

    Parameters
    ----------
    run : full name of the function; it takes the request and gives its answer
    request : what it is told; JSON
    work : a private folder: its home and temporary folder
    timeout_s : the process is ended after so many seconds
    is_trusted : where false, MONAI evaluates no expression in it

    Returns
    -------
    What it answered, with ``seconds`` and ``memory_mb``.

    Raises
    ------
    BundleRunError
        It failed, took too long, or was ended; the message holds its reason.
    """
    home = work / "home"
    home.mkdir(exist_ok=True)
    path = work / "request.json"
    path.write_text(json.dumps(request | {"run": run}), encoding="utf-8")
    environment = _environment(work, home, is_trusted=is_trusted)
    try:
        done = subprocess.run(  # noqa: S603 our own interpreter and module, no shell
            [sys.executable, "-m", _PROGRAM, str(path)],
            env=environment,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleRunError(f"The bundle took more than {timeout_s:.0f} s.") from error
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip()
        logger.warning("A bundle failed: %s", output[-_LAST_WORDS:])
        told = work / "failure.txt"
        cause = told.read_text(encoding="utf-8")[:_LAST_WORDS] if told.is_file() else "it was ended"
        raise BundleRunError(f"The bundle failed (exit {done.returncode}): {cause}")
    answer: dict[str, Any] = json.loads((work / "answer.json").read_text(encoding="utf-8"))
    return answer


def _environment(work: Path, home: Path, *, is_trusted: bool) -> dict[str, str]:
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    own = {
        "HOME": str(home),
        "TMPDIR": str(work),
        "PYTHONPATH": str(_PROJECT_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return kept | own if is_trusted else kept | own | {"MONAI_EVAL_EXPR": "0"}
