"""From a rule to a peer that has the instance, and what becomes of it where the peer has not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.events.services import relay_outbox
from archive.forwarding import claiming
from archive.forwarding.sending import send_due
from archive.models import AuditEvent, Forward, ForwardingRule, Peer
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rule(pacs, project) -> ForwardingRule:
    return ForwardingRule.objects.create(
        name="CT to the PACS", peer=pacs, modalities=["CT"], is_enabled=True
    )


def due_again() -> None:
    """Let what waits for its next attempt be due."""
    Forward.objects.filter(state="waiting").update(not_before=timezone.now())


def test_what_a_rule_means_reaches_the_peer(rule, scp, pacs, project) -> None:
    ct, _ = store_datasets(
        make_dataset(Modality="CT"), make_dataset(Modality="MR"), project=project
    )
    relay_outbox()

    assert send_due(pacs.pk, for_s=600) == 1

    assert scp.received == [ct.sop_instance_uid]
    (row,) = Forward.objects.all()
    assert (row.state, row.attempts, row.message) == ("sent", 1, "")
    trail = AuditEvent.objects.get(act="forward")
    assert trail.details == {"peer": "PACS", "instances": 1}
    assert trail.study_instance_uid == ct.series.study.study_instance_uid


def test_instance_announced_twice_or_by_two_rules_is_sent_once(rule, scp, pacs, project) -> None:
    ForwardingRule.objects.create(name="All", peer=pacs, is_enabled=True)
    (ct,) = store_datasets(make_dataset(), project=project)
    relay_outbox()
    from archive.forwarding.queueing import queue_arrivals

    queue_arrivals([ct.pk])
    send_due(pacs.pk, for_s=600)
    queue_arrivals([ct.pk])
    send_due(pacs.pk, for_s=600)

    assert scp.received == [ct.sop_instance_uid]


def test_peer_that_is_down_gets_it_later(rule, scp, pacs, project) -> None:
    port = pacs.port
    Peer.objects.filter(pk=pacs.pk).update(port=1)
    store_datasets(make_dataset(), make_dataset(), project=project)
    relay_outbox()

    assert send_due(pacs.pk, for_s=600) == 0
    waiting = Forward.objects.all()
    assert {row.state for row in waiting} == {"waiting"}
    assert all(row.not_before > timezone.now() for row in waiting)
    assert all("refused" in row.message for row in waiting)
    assert send_due(pacs.pk, for_s=600) == 0, "nothing is due yet"

    Peer.objects.filter(pk=pacs.pk).update(port=port)
    due_again()
    assert send_due(pacs.pk, for_s=600) == 2
    assert len(scp.received) == 2


def test_one_that_is_refused_does_not_hold_the_others(rule, scp, pacs, project) -> None:
    bad, good = store_datasets(make_dataset(), make_dataset(), project=project)
    scp.refused.add(bad.sop_instance_uid)
    relay_outbox()

    assert send_due(pacs.pk, for_s=600) == 1

    assert scp.received == [good.sop_instance_uid]
    row = Forward.objects.get(instance=bad)
    assert row.state == "failed"
    assert "A900" in row.message


def test_full_peer_is_tried_again_and_given_up_in_the_end(rule, scp, pacs, project) -> None:
    store_datasets(make_dataset(), project=project)
    relay_outbox()
    scp.status = 0xA700
    send_due(pacs.pk, for_s=600)
    row = Forward.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)

    Forward.objects.update(attempts=claiming.MAX_ATTEMPTS - 1, not_before=timezone.now())
    send_due(pacs.pk, for_s=600)
    row.refresh_from_db()
    assert row.state == "failed"
    assert "A700" in row.message


def test_pauses_grow_to_an_hour() -> None:
    pauses = [claiming.pause_after(attempts) for attempts in range(1, 25)]

    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=30)
    assert pauses[-1] == timedelta(hours=1)


def test_what_a_dead_worker_held_is_sent_by_the_next(rule, scp, pacs, project) -> None:
    store_datasets(make_dataset(), project=project)
    relay_outbox()
    claiming.claim_batch(pacs)
    assert claiming.claim_batch(pacs) == []
    assert claiming.peers_with_due() == []
    Forward.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert claiming.bring_back_lost() == 1
    assert claiming.peers_with_due() == [pacs.pk]
    assert send_due(pacs.pk, for_s=600) == 1


def test_worker_that_is_stopped_leaves_the_rest_for_the_next(
    rule, scp, pacs, project, monkeypatch
) -> None:
    store_datasets(make_dataset(), make_dataset(), project=project)
    relay_outbox()

    def stopped(_peer, instances):
        from archive.forwarding.types import SendOutcome

        yield SendOutcome(instances[0].sop_instance_uid, is_sent=True)
        raise SystemExit

    monkeypatch.setattr("archive.forwarding.dimse_client.send", stopped)
    with pytest.raises(SystemExit):
        send_due(pacs.pk, for_s=600)

    assert sorted(Forward.objects.values_list("state", "attempts")) == [("sent", 1), ("waiting", 0)]


def test_what_was_deleted_meanwhile_stays_here(rule, scp, pacs, project) -> None:
    (ct,) = store_datasets(make_dataset(), project=project)
    relay_outbox()
    type(ct).objects.filter(pk=ct.pk).update(withheld="deleted")

    assert send_due(pacs.pk, for_s=600) == 0

    assert scp.received == []
    assert Forward.objects.get().state == "cancelled"


def test_peer_that_is_switched_off_gets_nothing(rule, scp, pacs, project) -> None:
    store_datasets(make_dataset(), project=project)
    relay_outbox()
    Peer.objects.update(is_enabled=False)

    assert claiming.peers_with_due() == []
    assert send_due(pacs.pk, for_s=600) == 0
    assert scp.received == []


def test_peers_transfer_syntax_is_made_on_the_way(rule, scp, pacs, project) -> None:
    Peer.objects.update(transfer_syntaxes=["1.2.840.10008.1.2.4.90"])
    store_datasets(make_dataset(), project=project)
    relay_outbox()

    assert send_due(pacs.pk, for_s=600) == 1
    assert scp.syntaxes == ["1.2.840.10008.1.2.4.90"]
