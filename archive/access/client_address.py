"""From where a request really comes, where a proxy that the site trusts passes it on."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# No chain of proxies is longer; whoever sends more wants us to read.
_MOST_HOPS = 20


class ClientAddressMiddleware:
    """Put the client's address in the place of a trusted proxy's.

    Everything after it (the trail, the pause after wrong passwords, the limit on bad tokens)
    reads ``REMOTE_ADDR``. ``X-Forwarded-For`` counts only from a peer out of
    ``TWINSIGHT_TRUSTED_PROXIES``, and of it only what trusted proxies wrote: read from its end,
    the first address that is no trusted proxy's. What stands before that anybody may have sent.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Look who passed the request on."""
        trusted = settings.TWINSIGHT_TRUSTED_PROXIES
        if trusted:
            peer = str(request.META.get("REMOTE_ADDR") or "")
            passed_on = str(request.META.get("HTTP_X_FORWARDED_FOR") or "")
            request.META["REMOTE_ADDR"] = client_address(peer, passed_on, tuple(trusted))
        return self.get_response(request)


def client_address(peer: str, passed_on: str, trusted: tuple[str, ...]) -> str:
    """Return the client's address.

    Parameters
    ----------
    peer
        who connected to us
    passed_on
        ``X-Forwarded-For``, as it came
    trusted
        addresses and networks of the site's own proxies
    """
    networks = _networks(trusted)
    found, now = peer, _address(peer)
    hops = passed_on.split(",")[-_MOST_HOPS:]
    while hops and now is not None and _is_in(now, networks):
        now = _address(hops.pop())
        if now is not None:
            found = str(now)
    return found


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in trusted)


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """Return an address as proxies write it: perhaps in brackets, perhaps with a port."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
