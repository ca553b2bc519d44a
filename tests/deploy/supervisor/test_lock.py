import os
import signal
import subprocess
import sys

import pytest

from deploy.supervisor.errors import HomeInUseError
from deploy.supervisor.lock import HomeLock, is_locked
from tests.deploy.supervisor.watching import end, first_line

HOLD = """
import sys, time
from pathlib import Path
from deploy.supervisor.lock import HomeLock
from tests.deploy.supervisor.watching import end, first_line
HomeLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(home):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.lock_file)], stdout=subprocess.PIPE, text=True
    )
    assert first_line(process) == "held\n"
    yield process
    end(process)


def test_lock_is_free_again_and_its_file_gone(home):
    with HomeLock(home.lock_file):
        assert is_locked(home.lock_file)
        assert home.lock_file.read_text() == f"{os.getpid()}\n"
    assert not home.lock_file.exists()
    assert not is_locked(home.lock_file)


def test_second_holder_is_refused_in_one_sentence(home, holder):
    with pytest.raises(HomeInUseError) as caught:
        HomeLock(home.lock_file).acquire()
    message = str(caught.value)
    assert str(home.root) in message
    assert str(holder.pid) in message
    assert "\n" not in message
    assert is_locked(home.lock_file)


def test_lock_of_a_killed_holder_is_free(home, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert home.lock_file.exists()
    assert not is_locked(home.lock_file)
    with HomeLock(home.lock_file):
        assert home.lock_file.read_text() == f"{os.getpid()}\n"


def test_children_do_not_inherit_the_lock(home):
    with HomeLock(home.lock_file):
        sleeper = subprocess.Popen(["sleep", "30"])
    try:
        with HomeLock(home.lock_file):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()


def test_release_twice_is_harmless(home):
    lock = HomeLock(home.lock_file)
    lock.acquire()
    lock.release()
    lock.release()
    assert not home.lock_file.exists()
