"""Events on their way to a real application entity."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from pynetdicom import AE, evt

from archive.audit.types import Asker as Somebody
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Peer
from inference.models import WorkitemEvent, WorkitemSubscription
from inference.workitems.cancelling import request_cancel
from inference.workitems.delivering import deliver_to, subscribers_with_due
from inference.workitems.errors import SubscriberUnknownError
from inference.workitems.run_steps import workitem_uid
from inference.workitems.services import change_state, create_workitem, update_workitem
from inference.workitems.subscriptions import subscribe, suspend, unsubscribe
from inference.workitems.tags import FILTERED_WORKLIST, UPS_EVENT, WORKLIST
from tests.builders.runs import due_run
from tests.builders.workitems import new_workitem, performed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.models import Series

pytestmark = pytest.mark.django_db(transaction=True)
CLAIM = "2.25.77"


class Watcher:
    """A subscriber: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, Any]] = []
        self.entity = AE(ae_title="WATCHER")
        self.entity.add_supported_context(UPS_EVENT, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._hear)]
        self.server = self.entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.server_address[1]

    def _hear(self, event: evt.Event) -> tuple[int, None]:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.told.append((uid, int(event.event_type), event.event_information))
        return 0x0000, None

    def states(self) -> list[tuple[str, str]]:
        return [(uid, ds.ProcedureStepState) for uid, kind, ds in self.told if kind == 1]


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    made = Watcher()
    Peer.objects.create(ae_title="WATCHER", address="127.0.0.1", port=made.port)
    yield made
    made.entity.shutdown()


def create(asker: Asker, uid: str, **elements: Any) -> None:
    create_workitem(asker=asker, ds=new_workitem(**elements), uid=uid)


def test_life_of_a_workitem_is_told_in_order(watcher: Watcher, asker: Asker) -> None:
    create(asker, "2.25.1")
    subscribe(asker=asker, uid="2.25.1", ae_title="WATCHER")
    change_state(asker=asker, uid="2.25.1", state="IN PROGRESS", transaction_uid=CLAIM)
    progress = {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [50]}}]}}
    update_workitem(asker=asker, uid="2.25.1", changes=progress, transaction_uid=CLAIM)
    request_cancel(
        asker=asker, uid="2.25.1", request={"00741238": {"vr": "LT", "Value": ["Too late"]}}
    )
    update_workitem(asker=asker, uid="2.25.1", changes=performed(), transaction_uid=CLAIM)
    change_state(asker=asker, uid="2.25.1", state="COMPLETED", transaction_uid=CLAIM)
    assert subscribers_with_due() == ["WATCHER"]

    assert deliver_to("WATCHER") == 5

    kinds = [kind for _, kind, _ in watcher.told]
    assert kinds == [1, 1, 3, 2, 1]
    assert [state for _, state in watcher.states()] == ["SCHEDULED", "IN PROGRESS", "COMPLETED"]
    assert (
        watcher.told[2][2].ProcedureStepProgressInformationSequence[0].ProcedureStepProgress == 50
    )
    assert watcher.told[3][2].ReasonForCancellation == "Too late"
    assert subscribers_with_due() == []


def test_what_no_data_set_holds_keeps_nothing_else_waiting(watcher: Watcher, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.1")
    change_state(asker=asker, uid="2.25.1", state="IN PROGRESS", transaction_uid=CLAIM)
    progress = {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": ["half"]}}]}}
    update_workitem(asker=asker, uid="2.25.1", changes=progress, transaction_uid=CLAIM)
    create(asker, "2.25.2")

    deliver_to("WATCHER")

    assert [uid for uid, _ in watcher.states()] == ["2.25.1", "2.25.1", "2.25.2"]
    assert subscribers_with_due() == []


def test_list_tells_what_is_there_and_what_comes(
    watcher: Watcher, asker: Asker, series: Series
) -> None:
    create(asker, "2.25.1")
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.2")
    run = due_run(series)

    deliver_to("WATCHER")

    uids = [uid for uid, _ in watcher.states()]
    assert uids == ["2.25.1", "2.25.2", workitem_uid(run)]


def test_filtered_list_tells_what_matches(watcher: Watcher, asker: Asker) -> None:
    high = {"vr": "CS", "Value": ["HIGH"]}
    subscribe(asker=asker, uid=FILTERED_WORKLIST, ae_title="WATCHER", filters={"00741200": high})
    create(asker, "2.25.1")
    create(asker, "2.25.2", t00741200=high)

    deliver_to("WATCHER")

    assert watcher.states() == [("2.25.2", "SCHEDULED")]


def test_suspended_list_tells_on_of_what_was_told(watcher: Watcher, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.1")
    suspend(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.2")
    request_cancel(asker=asker, uid="2.25.1", request={})

    deliver_to("WATCHER")

    assert watcher.states() == [("2.25.1", "SCHEDULED"), ("2.25.1", "CANCELED")]


def test_end_of_a_subscription_ends_its_news(watcher: Watcher, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    unsubscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.1")

    assert deliver_to("WATCHER") == 0
    with pytest.raises(NotVisibleError):
        unsubscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")


def test_subscriber_hears_only_of_what_its_account_sees(
    watcher: Watcher, asker: Asker, outsider: User
) -> None:
    subscribe(asker=Somebody(door="dicomweb", user=outsider), uid=WORKLIST, ae_title="WATCHER")
    create(asker, "2.25.1")

    assert not WorkitemEvent.objects.exists()


def test_nobody_takes_a_subscription_from_another(
    watcher: Watcher, asker: Asker, outsider: User, colleague: User
) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")

    for user in (outsider, colleague):
        with pytest.raises(NotAllowedError):
            subscribe(asker=Somebody(door="dicomweb", user=user), uid=WORKLIST, ae_title="WATCHER")
    assert WorkitemSubscription.objects.get().subscribed_by == asker.user


def test_peer_that_is_not_there_is_tried_again_later(watcher: Watcher, asker: Asker) -> None:
    watcher.entity.shutdown()
    create(asker, "2.25.1")
    subscribe(asker=asker, uid="2.25.1", ae_title="WATCHER")

    assert deliver_to("WATCHER") == 0

    event = WorkitemEvent.objects.get()
    assert event.not_before > timezone.now() + timedelta(seconds=5)
    assert "can't be reached" in event.message
    assert subscribers_with_due() == []


def test_who_is_no_registered_peer_waits_for_a_websocket(asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="STRANGER")
    create(asker, "2.25.1")

    assert deliver_to("STRANGER") == 0
    assert "No peer is registered" in WorkitemEvent.objects.get().message


def test_account_has_few_entities_that_are_no_registered_peers(asker: Asker) -> None:
    for number in range(20):
        subscribe(asker=asker, uid=WORKLIST, ae_title=f"STRANGER{number}")
    with pytest.raises(SubscriberUnknownError):
        subscribe(asker=asker, uid=WORKLIST, ae_title="STRANGER")
    subscribe(asker=asker, uid=WORKLIST, ae_title="STRANGER1")


def test_news_of_days_ago_is_forgotten(watcher: Watcher, asker: Asker) -> None:
    create(asker, "2.25.1")
    subscribe(asker=asker, uid="2.25.1", ae_title="WATCHER")
    WorkitemEvent.objects.update(created_at=timezone.now() - timedelta(days=3))

    assert subscribers_with_due() == []
    assert not WorkitemEvent.objects.exists()
