import json
import os
import pwd
import subprocess
import sys

import pytest

from deploy.supervisor.child import LAUNCHER, Child

CAP_DAC_READ_SEARCH = 1 << 2
SHOW = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(os.getuid(), os.getgid(), os.getgroups(), status["CapEff"].strip())
print(open(%r).read(), flush=True)
"""

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="only root has rights to drop"
)


@needs_root
def test_dropped_root_reads_but_does_not_write(python_spec, tmp_path):
    nobody = pwd.getpwnam("nobody")
    tmp_path.chmod(0o700)
    (tmp_path / "private").write_text("readable")
    (tmp_path / "private").chmod(0o600)
    code = SHOW % str(tmp_path / "private") + f"open({str(tmp_path / 'new')!r}, 'w')\n"
    spec = python_spec(code, account=(nobody.pw_uid, nobody.pw_gid))
    assert Child(spec).wait(20) == 1
    identity, content = spec.log_file.read_text().splitlines()[:2]
    uid, gid, groups, capabilities = identity.split(" ")[:4]
    assert (int(uid), int(gid), groups) == (nobody.pw_uid, nobody.pw_gid, f"[{nobody.pw_gid}]")
    assert int(capabilities, 16) in {CAP_DAC_READ_SEARCH, 0}
    assert content == "readable"
    assert "PermissionError" in spec.log_file.read_text()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@needs_root
def test_dropped_root_still_dies_with_its_parent(python_spec, tmp_path):
    nobody = pwd.getpwnam("nobody")
    code = """
import ctypes
signal = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(signal), 0, 0, 0)
print(signal.value)
"""
    spec = python_spec(code, account=(nobody.pw_uid, nobody.pw_gid))
    Child(spec).wait(20)
    assert spec.log_file.read_text() == "15\n"


def test_launcher_ends_where_its_parent_is_gone(tmp_path):
    options = {"parent": 1, "death_signal": 15, "uid": None, "gid": None}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(options), "/bin/echo", "ran"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""


def test_files_of_children_are_private(python_spec, tmp_path):
    path = tmp_path / "made"
    Child(python_spec(f"open({str(path)!r}, 'w').close()")).wait(20)
    assert path.stat().st_mode & 0o777 == 0o600
