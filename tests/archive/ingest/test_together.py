"""Who stores at the same time shares a statement, and nobody suffers for another's studies."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError

from archive.ingest.together import MAX_STUDIES, Together

if TYPE_CHECKING:
    from collections.abc import Sequence


class Database:
    """Notes each statement; the first one waits until it may go on."""

    def __init__(self) -> None:
        self.statements: list[list[str]] = []
        self.may_go_on = threading.Event()
        self.has_begun = threading.Event()

    def store(self, studies: Sequence[str]) -> list[bool]:
        self.statements.append(list(studies))
        if len(self.statements) == 1:
            self.has_begun.set()
            assert self.may_go_on.wait(10)
        if "bad" in studies:
            raise OperationalError
        return [text != "undecided" for text in studies]


class Crowd:
    """Threads that store, the first of them held up in the database."""

    def __init__(self) -> None:
        self.database = Database()
        self.together = Together(self.database.store)
        self.answers: dict[str, object] = {}
        self.threads: list[threading.Thread] = []
        self._begin("first")
        assert self.database.has_begun.wait(60)

    def come(self, *texts: str) -> None:
        before = len(self.together._waiting)
        self._begin(*texts)
        while len(self.together._waiting) == before:
            time.sleep(0.001)

    def _begin(self, *texts: str) -> None:
        self.threads.append(threading.Thread(target=self._store, args=(texts,)))
        self.threads[-1].start()

    def _store(self, texts: tuple[str, ...]) -> None:
        name = " ".join(texts)
        try:
            self.answers[name] = self.together.store([(text, text) for text in texts])
        except OperationalError:
            self.answers[name] = "error"

    def go_on(self) -> None:
        self.database.may_go_on.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def test_who_comes_alone_goes_at_once() -> None:
    crowd = Crowd()
    crowd.go_on()

    assert crowd.database.statements == [["first"]]
    assert crowd.answers == {"first": [True]}


def test_who_waits_goes_together_in_the_order_of_studies() -> None:
    crowd = Crowd()
    crowd.come("c")
    crowd.come("a", "undecided")
    crowd.come("b")

    crowd.go_on()

    assert crowd.database.statements == [["first"], ["a", "b", "c", "undecided"]]
    assert crowd.answers == {
        "first": [True],
        "c": [True],
        "a undecided": [True, False],
        "b": [True],
    }


def test_one_that_the_database_refuses_goes_alone_and_so_do_the_others() -> None:
    crowd = Crowd()
    for text in ("a", "bad", "b"):
        crowd.come(text)

    crowd.go_on()

    assert crowd.database.statements[1] == ["a", "b", "bad"]
    assert sorted(crowd.database.statements[2:]) == [["a"], ["b"], ["bad"]]
    assert crowd.answers == {"first": [True], "a": [True], "b": [True], "bad": "error"}


def test_a_statement_has_its_limit_and_the_rest_goes_next() -> None:
    crowd = Crowd()
    for number in range(3):
        crowd.come(*(f"{number}-{study:02d}" for study in range(MAX_STUDIES // 2)))

    crowd.go_on()

    assert [len(statement) for statement in crowd.database.statements] == [1, 32, 16]


def test_a_hundred_threads_each_get_their_own_answer() -> None:
    calls: list[int] = []

    def store(studies: Sequence[str]) -> list[bool]:
        calls.append(len(studies))
        return [int(text) % 3 == 0 for text in studies]

    together = Together(store)
    answers: dict[int, list[bool]] = {}

    def come(number: int) -> None:
        for turn in range(20):
            key = number * 100 + turn
            answers[key] = together.store([(str(key), str(key))])

    threads = [threading.Thread(target=come, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(calls) == 2000
    assert all(answer == [key % 3 == 0] for key, answer in answers.items())


def test_an_error_that_is_none_of_the_database_reaches_who_caused_it_and_holds_up_nobody() -> None:
    def store(_studies: Sequence[str]) -> list[bool]:
        raise ZeroDivisionError

    together = Together(store)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            together.store([("a", "a")])
