"""From where a request comes: the word of the site's own proxies, and nobody else's."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from archive.access.client_address import client_address
from deploy.settings.environment import read_networks

PROXIES = ("10.0.0.1", "10.1.0.0/16", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "passed_on", "client"),
    [
        # Not through a proxy: whatever it says counts for nothing.
        ("192.0.2.7", "6.6.6.6", "192.0.2.7"),
        ("192.0.2.7", "", "192.0.2.7"),
        ("", "6.6.6.6", ""),
        # Through one: its own word, never what stood there before.
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        # Through two of ours.
        ("10.0.0.1", "6.6.6.6,192.0.2.7,10.1.2.3", "192.0.2.7"),
        ("10.0.0.1", "10.1.2.4, 10.1.2.3", "10.1.2.4"),
        # As some of them write it.
        ("fd00::1", '"[2001:db8::7]:4711"', "2001:db8::7"),
        ("10.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        # Nothing to go by: the last that is known.
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7, <script>, 10.1.2.3", "10.1.2.3"),
        ("10.0.0.1", ",".join(["10.1.2.3"] * 50_000), "10.1.2.3"),
    ],
)
def test_client_behind_the_sites_own_proxies_alone(peer, passed_on, client) -> None:
    assert client_address(peer, passed_on, PROXIES) == client


def test_what_names_no_network_is_said_at_the_start(monkeypatch) -> None:
    monkeypatch.setenv("TWINSIGHT_TRUSTED_PROXIES", "10.0.0.1, everybody")

    with pytest.raises(ImproperlyConfigured, match="TWINSIGHT_TRUSTED_PROXIES"):
        read_networks("TWINSIGHT_TRUSTED_PROXIES")
