"""What a page reads, it reads once; what is no page reads anew."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from archive.access.once import once, reads_once


class Readings:
    def __init__(self) -> None:
        self.asked: list[tuple[object, str]] = []

        @once
        def read(user, uid):
            self.asked.append((user.pk, uid))
            if uid == "gone":
                raise LookupError
            return [uid]

        self.read = read


def test_page_reads_the_same_once_for_each_asker():
    readings = Readings()
    first, second = User(pk=1), User(pk=2)

    @reads_once
    def page():
        return [readings.read(user, "a") for user in (first, first, second, first)]

    found = page()

    assert readings.asked == [(1, "a"), (2, "a")]
    assert found[0] is found[1] is found[3]
    page()
    assert len(readings.asked) == 4


def test_nothing_is_kept_outside_a_page_for_visitors_and_of_what_failed():
    readings = Readings()
    for _ in range(2):
        readings.read(User(pk=1), "a")

    @reads_once
    def page():
        for _ in range(2):
            readings.read(AnonymousUser(), "a")
            with pytest.raises(LookupError):
                readings.read(User(pk=1), "gone")

    page()

    assert len(readings.asked) == 6
