"""What the bench starts ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

_BENCH = """
import os, sys, time
from pathlib import Path
from bench.processes import running
folder = Path(sys.argv[1])
server = "import os, sys, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
with running([sys.executable, "-c", server], dict(os.environ), folder / "log", folder):
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_server_ends_with_the_bench(tmp_path, number):
    command = [sys.executable, "-c", _BENCH, str(tmp_path)]
    # As a shell starts what it puts in the background: without SIGINT.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        bench = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    finally:
        signal.signal(signal.SIGINT, before)
    noted = tmp_path / "pid"
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    server = psutil.Process(int(noted.read_text()))
    os.kill(bench.pid, number)
    code = bench.wait(timeout=60)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    assert not psutil.wait_procs([server], timeout=60)[1]
