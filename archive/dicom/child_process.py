"""A child process with limits, kept warm and asked again and again."""

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archive.dicom.process_limits import read_message, write_message

if TYPE_CHECKING:
    from typing import BinaryIO


class ChildProcess:
    """One program of ours, run as ``python -m``; used by one thread at a time.

    Parameters
    ----------
    module : the program; it speaks as `archive.dicom.process_limits` does
    jobs : after so many it is replaced, before a leak matters
    """

    def __init__(self, module: str, *, jobs: int = 2000) -> None:
        self._process = subprocess.Popen(  # noqa: S603 our own program, no shell
            [sys.executable, "-E", "-s", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        )
        self._jobs_left = jobs

    def ask(
        self, said: dict[str, Any], content: bytes, *, seconds: float
    ) -> tuple[dict[str, Any], bytes] | None:
        """Send a message and wait for its answer.

        Parameters
        ----------
        said : what fits into JSON
        content : raw bytes beside it
        seconds : wall-clock time that it may take, on a machine that may be busy

        Returns
        -------
        the answer; None where the process ended instead, or took too long and was ended
        """
        self._jobs_left -= 1
        clock = threading.Timer(seconds, self._process.kill)
        clock.daemon = True
        clock.start()
        try:
            write_message(cast("BinaryIO", self._process.stdin), said, content)
            message = read_message(cast("BinaryIO", self._process.stdout))
        except OSError:
            message = None
        finally:
            clock.cancel()
        if message is None:
            self.end()
        return message

    def widen_pipes(self, size_bytes: int) -> None:
        """Give both pipes room for so much, where the system allows it."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, AttributeError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size_bytes)  # type: ignore[arg-type]

    @property
    def is_fit(self) -> bool:
        """Whether it may be asked again."""
        return self._process.poll() is None and self._jobs_left > 0

    def end(self) -> None:
        """End it at once."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
