"""Only registered peers are known, by title and address together."""

from __future__ import annotations

import pytest

from archive.access.selectors import find_move_destination, find_peer
from archive.access.services import register_peer
from archive.errors import InvalidRequestError
from archive.models import Peer

pytestmark = pytest.mark.django_db


def test_peer_is_known_by_title_and_address_together() -> None:
    register_peer(ae_title="CT1", address="127.0.0.1")

    assert find_peer(ae_title="CT1  ", address="127.0.0.1") is not None
    assert find_peer(ae_title="CT1", address="127.0.0.2") is None
    assert find_peer(ae_title="CT2", address="127.0.0.1") is None


def test_disabled_peer_is_unknown_until_registered_again() -> None:
    register_peer(ae_title="CT1", address="127.0.0.1")
    Peer.objects.update(is_enabled=False)
    assert find_peer(ae_title="CT1", address="127.0.0.1") is None

    register_peer(ae_title="CT1", address="127.0.0.1", port=104)

    peer = find_peer(ae_title="CT1", address="127.0.0.1")
    assert peer is not None
    assert peer.port == 104


@pytest.mark.parametrize(
    ("title", "address"), [("", "127.0.0.1"), ("T" * 17, "127.0.0.1"), ("CT1", "here")]
)
def test_impossible_peer_is_refused(title: str, address: str) -> None:
    with pytest.raises(InvalidRequestError):
        register_peer(ae_title=title, address=address)


def test_what_is_left_out_stays_as_it_was(radiologist) -> None:
    register_peer(ae_title="CT1", address="127.0.0.1", account=radiologist, may_query=True)

    peer = register_peer(ae_title="CT1", address="127.0.0.1", may_retrieve=True)

    peer.refresh_from_db()
    assert (peer.account, peer.may_query, peer.may_retrieve) == (radiologist, True, True)


def test_transfer_syntax_that_is_no_uid_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        register_peer(ae_title="CT1", address="127.0.0.1", transfer_syntaxes=["JPEG"])


@pytest.mark.parametrize(
    ("options", "is_found"),
    [
        ({"port": 104, "is_move_destination": True}, True),
        ({"port": 104}, False),
        ({"is_move_destination": True}, False),
    ],
)
def test_move_destinations_are_those_that_listen_and_may_be_sent_to(options, is_found) -> None:
    register_peer(ae_title="WS", address="127.0.0.1", **options)

    found = find_move_destination(ae_title="WS", requestor_address="192.0.2.1")

    assert (found is not None) is is_found


def test_destination_that_is_not_one_is_the_requestor_itself_or_none() -> None:
    for address in ("192.0.2.1", "192.0.2.2"):
        register_peer(ae_title="WS", address=address, port=104, is_move_destination=True)

    mine = find_move_destination(ae_title="WS", requestor_address="192.0.2.2")

    assert mine is not None
    assert mine.address == "192.0.2.2"
    assert find_move_destination(ae_title="WS", requestor_address="192.0.2.3") is None
