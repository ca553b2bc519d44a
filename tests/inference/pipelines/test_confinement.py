import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.pipelines.confinement import peak_memory_mb

ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import json, os, resource, socket, sys
from inference.pipelines.confinement import confine_process
is_offline = confine_process(json.loads(sys.argv[1]))
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5).close()
    reached = True
except OSError:
    reached = False
try:
    held = len(bytearray(3 << 30))
except MemoryError:
    held = 0
limits = [resource.getrlimit(one)[1] for one in (resource.RLIMIT_CORE, resource.RLIMIT_CPU)]
print(json.dumps([is_offline, reached, held, limits]))
"""


def confined(limits, port):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(limits), str(port)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


@pytest.fixture
def port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_confined_process_has_no_network_and_not_all_the_memory(port):
    limits = {"memory_mb": 2048, "cpu_s": 7, "is_offline": True}
    is_offline, reached, held, (core, cpu) = confined(limits, port)
    # Where the kernel gives ordinary processes no namespaces, it says so.
    assert reached is not is_offline
    assert (held, core, cpu) == (0, 0, 7)


def test_what_is_not_asked_for_stays(port):
    is_offline, reached, _, (core, _) = confined({}, port)
    assert (is_offline, reached, core) == (False, True, 0)


def test_peak_memory_is_in_mebibytes():
    assert 10 < peak_memory_mb() < 100_000
