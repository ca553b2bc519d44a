"""Queues as rows and the broker say them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import AuditEvent, Forward, Peer
from archive.statistics.broker import message_counts, workers
from archive.statistics.queues import list_queues, retry_queue
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db


def test_stuck_and_failed_work_is_counted_and_tried_again(
    project: Project, archive_admin: User, radiologist: User
) -> None:
    now = timezone.now()
    peer = Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=1)
    states = {"waiting": None, "sending": now - timedelta(minutes=1), "failed": None}
    for state, lease in states.items():
        (instance,) = store_datasets(make_dataset(), project=project)
        Forward.objects.create(
            peer=peer,
            instance=instance,
            study=instance.series.study,
            state=state,
            not_before=now,
            lease_until=lease,
        )

    found = {line.queue.name: line.state for line in list_queues(archive_admin)}
    assert (found["forwards"].waiting, found["forwards"].stuck, found["forwards"].failed) == (
        1, 1, 1,
    )  # fmt: skip
    assert found["forwards"].running == 0
    assert found["outbox"].waiting == 3
    assert found["outbox"].oldest is not None

    with pytest.raises(NotAllowedError):
        retry_queue(asker=Asker(door="portal", user=radiologist), name="forwards")
    with pytest.raises(InvalidRequestError):
        retry_queue(asker=Asker(door="portal", user=archive_admin), name="outbox")
    assert retry_queue(asker=Asker(door="portal", user=archive_admin), name="forwards") == 2
    assert set(Forward.objects.values_list("state", flat=True)) == {"waiting"}
    assert AuditEvent.objects.filter(act="retry-queue").count() == 1


def test_broker_says_how_many_messages_wait(services: Any) -> None:
    from archive.events.tasks import relay_outbox_task

    before = message_counts(["forgotten"])
    relay_outbox_task.apply_async(queue="forgotten")

    assert before == {"forgotten": 0}
    assert message_counts(["forgotten"]) == {"forgotten": 1}
    assert workers() == []


def test_broker_that_is_down_is_said_to_be(monkeypatch: Any) -> None:
    from celery import current_app

    monkeypatch.setattr(current_app.conf, "broker_read_url", "redis://127.0.0.1:1/0")

    assert message_counts() is None
