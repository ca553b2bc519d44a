"""Nothing is announced before it is true, and nothing true stays unannounced."""

from __future__ import annotations

import pytest
from django.db import transaction

from archive.events import selectors, services
from archive.events.types import InstancesStored, InstancesWithheld
from archive.models import OutboxEvent

EVENT = InstancesStored(instance_ids=[1], series_ids=[2], study_ids=[3])


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[InstancesStored]:
    told: list[InstancesStored] = []
    monkeypatch.setitem(services._subscribers, InstancesStored.kind, [told.append])
    return told


@pytest.mark.django_db(transaction=True)
def test_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        services.publish(EVENT)


@pytest.mark.django_db(transaction=True)
def test_event_of_a_rolled_back_change_never_existed(heard: list[InstancesStored]) -> None:
    with transaction.atomic():
        services.publish(EVENT)
        transaction.set_rollback(True)

    assert services.relay_outbox() == 0
    assert heard == []


@pytest.mark.django_db(transaction=True)
def test_event_is_told_once_and_marked(heard: list[InstancesStored]) -> None:
    with transaction.atomic():
        services.publish(EVENT)
    assert selectors.waiting_for_study(3)

    assert services.relay_outbox() == 1
    assert services.relay_outbox() == 0
    assert heard == [EVENT]
    assert not selectors.waiting_for_study(3)


@pytest.mark.django_db(transaction=True)
def test_failing_subscriber_leaves_its_event_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []

    def handler(event: InstancesStored) -> None:
        if 1 in event.instance_ids:
            raise ValueError("not now")
        told.append(event)

    monkeypatch.setitem(services._subscribers, InstancesStored.kind, [handler])
    with transaction.atomic():
        services.publish(EVENT)
        services.publish(InstancesStored(instance_ids=[9], series_ids=[], study_ids=[]))

    assert services.relay_outbox() == 1
    assert len(told) == 1
    row = OutboxEvent.objects.get(published_at__isnull=True)
    assert (row.attempts, row.last_error) == (1, "ValueError")


@pytest.mark.django_db(transaction=True)
def test_change_commits_although_the_broker_is_down(
    settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deploy.celery import app

    monkeypatch.setattr(app.conf, "broker_url", "redis+socket:///nowhere/valkey.sock")
    monkeypatch.setattr(app, "_pool", None)
    with transaction.atomic():
        services.publish(EVENT)

    assert selectors.waiting_count() == 1


@pytest.mark.django_db(transaction=True)
def test_burst_is_told_as_one_event_and_stays_in_order(heard: list[InstancesStored]) -> None:
    with transaction.atomic():
        for number in (1, 2, 3):
            services.publish(InstancesStored(instance_ids=[number], series_ids=[2], study_ids=[3]))
        services.publish(
            InstancesWithheld(instance_ids=[1], series_ids=[2], study_ids=[3], is_shown=False)
        )
        services.publish(InstancesStored(instance_ids=[4], series_ids=[2], study_ids=[3]))

    assert services.relay_outbox() == 5
    assert [event.instance_ids for event in heard] == [[1, 2, 3], [4]]
    assert (heard[0].series_ids, heard[0].study_ids) == ([2], [3])
