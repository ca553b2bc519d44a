"""From a rule to a peer that has the instance."""

from __future__ import annotations

import pytest

from archive.events.services import relay_outbox
from archive.forwarding import claiming
from archive.forwarding.sending import send_due
from archive.models import AuditEvent, Forward, ForwardingRule
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rule(pacs, project) -> ForwardingRule:
    return ForwardingRule.objects.create(
        name="CT to the PACS", peer=pacs, modalities=["CT"], is_enabled=True
    )


def test_what_a_rule_means_reaches_the_peer(rule, scp, pacs, project) -> None:
    ct, _ = store_datasets(
        make_dataset(Modality="CT"), make_dataset(Modality="MR"), project=project
    )
    relay_outbox()

    assert send_due(pacs.pk, for_s=10) == 1

    assert scp.received == [ct.sop_instance_uid]
    (row,) = Forward.objects.all()
    assert (row.state, row.attempts, row.message) == ("sent", 1, "")
    trail = AuditEvent.objects.get(act="forward")
    assert trail.details == {"peer": "PACS", "instances": 1}
