"""Only registered peers are known, by title and address together."""

from __future__ import annotations

import pytest

from archive.access.selectors import find_peer
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
