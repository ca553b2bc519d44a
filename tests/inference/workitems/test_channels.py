"""Who holds the WebSocket of an entity, of several that open it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from django.utils import timezone

from inference.models import WorkitemChannel
from inference.workitems.channels import close_channel, keep_channel, open_channel

if TYPE_CHECKING:
    from archive.audit.types import Asker

NOW = timezone.now()


@pytest.mark.django_db
def test_one_that_came_earlier_and_opens_later_takes_nothing_away(asker: Asker) -> None:
    newer = open_channel(asker=asker, ae_title="WATCHER", came_at=NOW)
    older = open_channel(asker=asker, ae_title="WATCHER", came_at=NOW - timedelta(seconds=1))

    assert [keep_channel(newer), keep_channel(older)] == [True, False]
    close_channel(older)
    assert keep_channel(newer)


@pytest.mark.django_db
def test_one_whose_holder_was_lost_is_taken_however_late_it_came(asker: Asker) -> None:
    open_channel(asker=asker, ae_title="WATCHER", came_at=NOW)
    WorkitemChannel.objects.update(alive_until=NOW)

    after = open_channel(asker=asker, ae_title="WATCHER", came_at=NOW - timedelta(seconds=1))

    assert keep_channel(after)


@pytest.mark.django_db(transaction=True)
def test_many_open_and_close_at_once(asker: Asker) -> None:
    together = threading.Barrier(4)

    def open_and_close(_: int) -> None:
        try:
            together.wait(60)
            for _ in range(25):
                close_channel(open_channel(asker=asker, ae_title="WATCHER"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_and_close, range(4)))

    assert not WorkitemChannel.objects.exists()
