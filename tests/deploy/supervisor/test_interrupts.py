import signal
import time

import pytest

from deploy.supervisor.interrupts import StopRequested, StopWish


@pytest.fixture(autouse=True)
def hangup_as_usual():
    """Whoever starts the tests under nohup changes nothing here."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_outside_a_break_only_notes_the_wish(number):
    wish = StopWish()
    with wish.listening():
        states = [wish.is_made]
        signal.raise_signal(number)
        states.append(wish.is_made)
    assert states == [False, True]
    assert wish.wait(10)


def long_start(wish: StopWish, clean_up: list[str]) -> None:
    with wish.breaking():
        try:
            signal.raise_signal(signal.SIGINT)
            time.sleep(30)
            clean_up.append("slept on")
        finally:
            signal.raise_signal(signal.SIGINT)
            clean_up.append("done")


def test_signal_breaks_off_a_long_start_but_a_second_one_not_the_clean_up():
    wish = StopWish()
    clean_up: list[str] = []
    with wish.listening(), pytest.raises(StopRequested):
        long_start(wish, clean_up)
    assert clean_up == ["done"]


def test_break_after_the_wish_does_not_begin():
    wish = StopWish()
    with wish.listening():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StopRequested), wish.breaking():
            pytest.fail("must not run")


def test_former_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with StopWish().listening():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_ignored_hang_up_stays_ignored_and_ignored_interrupt_does_not():
    former = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGHUP, signal.SIGINT)}
    try:
        wish = StopWish()
        with wish.listening():
            signal.raise_signal(signal.SIGHUP)
            assert not wish.is_made
            signal.raise_signal(signal.SIGINT)
            assert wish.is_made
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
