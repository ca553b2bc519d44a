"""WebSockets of the worklist, with a real client and a real server."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from archive.audit.types import Asker
from archive.models import AuditEvent, Membership
from inference.api import event_channel
from inference.api.event_channel import EventChannel
from inference.models import WorkitemEvent
from inference.workitems.delivering import subscribers_with_due
from inference.workitems.services import create_workitem, update_workitem
from inference.workitems.subscriptions import subscribe
from inference.workitems.tags import WORKLIST
from tests.builders.workitems import new_workitem
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from websockets.sync.client import ClientConnection

pytestmark = pytest.mark.django_db(transaction=True)
PROGRESS = {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [50]}}]}}

# On a busy machine a handshake takes seconds.
PATIENT: dict[str, Any] = {"open_timeout": 60, "close_timeout": 60}


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventChannel]:
    monkeypatch.setattr(event_channel, "_OPENING_S", PATIENT["open_timeout"])
    with EventChannel("127.0.0.1", 0, recheck_s=0.5) as served:
        yield served


@pytest.fixture
def asker(radiologist: User, project: Any) -> Asker:
    return Asker(door="dicomweb", user=radiologist)


def hear(channel: EventChannel, user: User | None, title: str = "WATCHER") -> ClientConnection:
    """Open a WebSocket as somebody who is signed in, as a browser does."""
    headers = {}
    if user is not None:
        client = Client()
        client.force_login(user)
        headers["Cookie"] = f"sessionid={client.cookies['sessionid'].value}"
    address = f"ws://127.0.0.1:{channel.port}/dicom-web/subscribers/{title}"
    return connect(address, additional_headers=headers, compression=None, proxy=None, **PATIENT)


def next_of(connection: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(connection.recv(timeout=60))
    return told


def refusal(address: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        connect(address, compression=None, proxy=None, **PATIENT, **options)
    return int(caught.value.response.status_code)


def test_subscriber_is_told_by_websocket_in_order(channel: EventChannel, asker: Asker) -> None:
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
    subscribe(asker=asker, uid="2.25.1", ae_title="WATCHER")
    with hear(channel, asker.user) as connection:
        first = next_of(connection)
        assert subscribers_with_due() == []  # nothing by DICOM meanwhile
        update_workitem(asker=asker, uid="2.25.1", changes=PROGRESS, transaction_uid="")
        second = next_of(connection)

        assert first["00000002"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
        assert first["00001000"]["Value"] == ["2.25.1"]
        assert first["00741000"]["Value"] == ["SCHEDULED"]
        assert [one["00001002"]["Value"] for one in (first, second)] == [[1], [3]]
        update_workitem(asker=asker, uid="2.25.1", changes=PROGRESS, transaction_uid="")
        # They are told once this end has answered the ping behind them.
        wait_until(lambda: not WorkitemEvent.objects.filter(delivered_at__isnull=True).exists())
    assert AuditEvent.objects.filter(act="open-workitem-channel").count() == 1


def test_what_waited_is_told_to_the_next_websocket(channel: EventChannel, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    with hear(channel, asker.user):
        pass
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")

    with hear(channel, asker.user) as connection:
        assert next_of(connection)["00001000"]["Value"] == ["2.25.1"]


def test_t35_derived_scope_channel_of_another_hears_nothing_of_mine(
    channel: EventChannel, asker: Asker, outsider: User
) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    with hear(channel, outsider) as theirs, hear(channel, asker.user) as mine:
        create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
        next_of(mine)
        with pytest.raises(TimeoutError):
            theirs.recv(timeout=1)


def test_t36_rights_that_end_close_the_channel(
    channel: EventChannel, asker: Asker, radiologist: User
) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    with hear(channel, radiologist) as connection:
        radiologist.is_active = False
        radiologist.save()
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(timeout=60)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008


def test_event_outside_the_rights_by_now_is_dropped(channel: EventChannel, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
    Membership.objects.filter(user=asker.user).delete()

    with hear(channel, asker.user) as connection:
        wait_until(lambda: "outside" in WorkitemEvent.objects.get().message)
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.5)


def test_newer_connection_takes_the_older_ones_place(channel: EventChannel, asker: Asker) -> None:
    subscribe(asker=asker, uid=WORKLIST, ae_title="WATCHER")
    with hear(channel, asker.user) as older, hear(channel, asker.user) as newer:
        with pytest.raises(ConnectionClosed):
            older.recv(timeout=60)
        create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
        assert next_of(newer)["00001000"]["Value"] == ["2.25.1"]


def test_who_may_not_gets_no_channel(channel: EventChannel, asker: Asker) -> None:
    address = f"ws://127.0.0.1:{channel.port}/dicom-web/subscribers/WATCHER"
    statuses = [
        refusal(address),
        refusal(address, additional_headers={"Authorization": "Bearer tws_wrong"}),
        refusal(address, additional_headers={"Origin": "https://evil.example"}),
        refusal(address.replace("WATCHER", "X" * 17)),
        refusal(f"ws://127.0.0.1:{channel.port}/api/v1/openapi.json"),
    ]
    assert statuses[:3] == [401, 401, 403]
    assert all(400 <= status < 500 for status in statuses)


def test_subscriber_that_talks_is_sent_away(channel: EventChannel, asker: Asker) -> None:
    with hear(channel, asker.user) as connection:
        connection.send("hello")
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=60)


def test_connections_beyond_the_most_are_closed_at_once(asker: Asker) -> None:
    with EventChannel("127.0.0.1", 0, most_connections=2) as served:
        silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2)]
        assert [is_open(one) for one in silent] == [True, True]
        with pytest.raises((ConnectionClosed, InvalidMessage, OSError)):
            hear(served, asker.user)
        for one in silent:
            one.close()


def is_open(connection: socket.socket) -> bool:
    """Whether the other end still waits for what is said."""
    connection.settimeout(0.5)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True


def test_web_server_says_where_the_channel_is(radiologist: User, settings: Any) -> None:
    settings.TWINSIGHT_EVENTS_PORT = 8002
    client = Client()
    client.force_login(radiologist)

    answer = client.get("/dicom-web/subscribers/WATCHER")

    assert (answer.status_code, answer["Upgrade"]) == (426, "websocket")
    assert "8002" in answer.json()["detail"]
