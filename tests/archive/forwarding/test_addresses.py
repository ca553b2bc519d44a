"""Names of peers are resolved when they are called, and looked at (SSRF)."""

import pytest

from archive.errors import InvalidRequestError, PeerError, PeerRefusedError, PeerUnreachableError
from archive.forwarding.addresses import address_of
from archive.forwarding.peer_http import checked_url
from archive.forwarding.sealing import seal, unseal
from archive.models import Peer

ELSEWHERE = Peer(ae_title="P", address="192.0.2.1")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "0", "::1", "fe80::1", "224.0.0.1",
     "::ffff:127.0.0.1", "127.1"],
)  # fmt: skip
def test_this_machine_and_its_link_are_no_peers(host) -> None:
    with pytest.raises(PeerRefusedError):
        address_of(ELSEWHERE, host, 80)


def test_address_that_the_table_names_is_called() -> None:
    assert address_of(Peer(address="127.0.0.1"), "localhost", 80) == "127.0.0.1"
    assert address_of(ELSEWHERE, "10.1.2.3", 80) == "10.1.2.3"
    assert address_of(ELSEWHERE, "192.0.2.1", 80) == "192.0.2.1"


def test_unknown_name_is_unreachable() -> None:
    with pytest.raises(PeerUnreachableError):
        address_of(ELSEWHERE, "no-such-host.invalid", 80)
    with pytest.raises(PeerUnreachableError):
        address_of(ELSEWHERE, "a" * 300, 80)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "file:///etc/passwd", "https://", "https://u:p@a/", "https://a/?x=1",
     "https://a/#x", "https://a:99999/", "https://[::1", "a.example/dicom-web"],
)  # fmt: skip
def test_base_urls_that_are_none_are_refused(url) -> None:
    with pytest.raises(InvalidRequestError):
        checked_url(url)


def test_sealed_credentials_open_with_the_same_secret_alone(settings) -> None:
    sealed = seal("Bearer abc")

    assert "abc" not in sealed
    assert unseal(sealed) == "Bearer abc"
    assert unseal(seal("")) == ""
    settings.SECRET_KEY = "another secret of the site, as long as the first one was"
    with pytest.raises(PeerError):
        unseal(sealed)
