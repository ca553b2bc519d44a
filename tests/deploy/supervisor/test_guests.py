import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.supervisor.guests import await_guests, guest_of
from tests.deploy.supervisor.watching import end, first_line
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
VISIT = """
import sys, time
from pathlib import Path
from deploy.supervisor.guests import guest_of
from deploy.supervisor.home import Home
with guest_of(Home(Path(sys.argv[1]))):
    print("visiting", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def visit(home):
    guests = []

    def come(seconds):
        command = [sys.executable, "-c", VISIT, str(home.root), str(seconds)]
        guest = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert first_line(guest) == "visiting\n"
        guests.append(guest)
        return guest

    yield come
    for guest in guests:
        end(guest)


def test_host_without_guests_does_not_wait(home, capsys):
    await_guests(home)
    assert capsys.readouterr().err == ""
    assert not home.guests_file.exists()


def test_host_waits_for_its_guests_and_says_so(home, visit, capsys):
    visit(0)
    longest = visit(600)
    waiting = threading.Thread(target=await_guests, args=(home,), daemon=True)
    waiting.start()
    wait_until(lambda: "until the other commands end" in capsys.readouterr().err)
    assert waiting.is_alive()
    longest.kill()
    waiting.join(60)
    assert not waiting.is_alive()
    assert not home.guests_file.exists()


def test_killed_guest_is_forgotten(home, visit):
    guest = visit(600)
    guest.kill()
    guest.wait()
    waiting = threading.Thread(target=await_guests, args=(home,), daemon=True)
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()


def test_guests_do_not_wait_for_each_other(home):
    with guest_of(home), guest_of(home):
        assert home.guests_file.exists()
