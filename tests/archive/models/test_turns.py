"""Turns: one at a time in the whole archive, kept apart by what is done and to what."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connection, connections, transaction

from archive.models.turns import take_turn, turn_if_free
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

KIND, OTHER_KIND = 0x7E570001, 0x7E570002

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(ask: Callable[[], bool]) -> bool:
    """What another process is told: a thread has a connection of its own."""

    def asked() -> bool:
        try:
            return ask()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asked).result(60)


def is_free(kind: int, key: str = "") -> bool:
    with turn_if_free(kind, key) as is_ours:
        return is_ours


def test_a_turn_that_somebody_has_is_not_free_until_they_are_done() -> None:
    with turn_if_free(KIND, "1") as is_ours:
        assert is_ours
        assert not elsewhere(lambda: is_free(KIND, "1"))
    assert elsewhere(lambda: is_free(KIND, "1"))


def test_turns_of_other_things_and_of_other_kinds_are_free() -> None:
    with turn_if_free(KIND, "1"):
        assert elsewhere(lambda: is_free(KIND, "2"))
        assert elsewhere(lambda: is_free(KIND))
        assert elsewhere(lambda: is_free(OTHER_KIND, "1"))


def test_who_was_refused_gives_nothing_back() -> None:
    with turn_if_free(KIND):
        elsewhere(lambda: is_free(KIND))
        assert not elsewhere(lambda: is_free(KIND))


def test_a_turn_ends_with_an_error_in_it() -> None:
    with pytest.raises(ValueError, match="broken"), turn_if_free(KIND):
        raise ValueError("broken")
    assert elsewhere(lambda: is_free(KIND))


def test_a_turn_of_a_lost_connection_is_free_and_the_error_stays() -> None:
    with pytest.raises(ValueError, match="broken"), turn_if_free(KIND):
        _lose_connection_and_fail()
    connection.close()
    wait_until(lambda: elsewhere(lambda: is_free(KIND)))


def test_a_turn_taken_is_waited_for_until_the_transaction_ends() -> None:
    in_turn = threading.Event()

    def wait_for_it() -> None:
        try:
            with transaction.atomic():
                take_turn(KIND, "1")
                in_turn.set()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            take_turn(KIND, "1")
            other = pool.submit(wait_for_it)
            wait_until(_somebody_waits)
            assert not in_turn.is_set()
        other.result(60)


def _lose_connection_and_fail() -> None:
    connection.connection.close()
    raise ValueError("broken")


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone() is not None
