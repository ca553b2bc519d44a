"""The queue by its workers: from a store to the peer with nobody's hand in between."""

from __future__ import annotations

import os
import signal

import pytest

from archive.forwarding import tasks
from archive.models import Forward, ForwardingRule
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.fixtures.services import running_worker
from tests.waiting import wait_until

QUEUES = ("-Q", "default,transfers")


@pytest.fixture
def rule(pacs) -> ForwardingRule:
    return ForwardingRule.objects.create(name="All", peer=pacs, is_enabled=True)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_stored_instance_reaches_the_peer_and_survives_a_killed_worker(
    rule, scp, project, services, tmp_path
) -> None:
    scp.hold.clear()
    (first,) = store_datasets(make_dataset(), project=project)
    with running_worker(services, tmp_path, *QUEUES) as worker:
        wait_until(scp.is_asked.is_set)
        os.kill(worker, signal.SIGKILL)
    assert Forward.objects.get().state in {"sending", "waiting"}
    # What its lease would do six minutes later.
    Forward.objects.update(lease_until=None, state="waiting")
    scp.hold.set()
    with running_worker(services, tmp_path, *QUEUES):
        (second,) = store_datasets(make_dataset(), project=project)
        wait_until(lambda: Forward.objects.filter(state="sent").count() == 2)

    assert set(scp.received) == {first.sop_instance_uid, second.sop_instance_uid}


@pytest.mark.django_db(transaction=True)
def test_nothing_due_is_handed_to_nobody(rule) -> None:
    assert tasks.dispatch_transfers_task() == 0
