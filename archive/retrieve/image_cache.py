"""Encoded pictures, kept for a while: decoding and windowing cost more than looking them up.

The key is the content's hash with all that shaped the picture, so an entry is never stale; rights
are checked before each look.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

MAX_ENTRY_BYTES = 256 * 1024
_SECONDS = 24 * 3600


@lru_cache(maxsize=8)
def _client(location: str) -> redis.Redis:
    # Django's cache makes a client for every question, which costs more than the answer.
    return redis.Redis.from_url(location)


def cached_picture(key: str, make: Callable[[], bytes]) -> bytes:
    """Return the picture under the key, made where it is not kept.

    A cache that is down costs time and nothing else.

    Parameters
    ----------
    key
        content hash and everything that shapes the picture, in ASCII without spaces
    make
        makes the encoded picture
    """
    place = f"twinsight:{key}"
    client = _client(str(settings.CACHES["default"]["LOCATION"]))
    try:
        kept = client.get(place)
    except RedisError:
        logger.warning("picture cache not reachable")
        return make()
    if isinstance(kept, bytes):
        return kept
    picture = make()
    if len(picture) <= MAX_ENTRY_BYTES:
        try:
            client.set(place, picture, ex=_SECONDS)
        except RedisError:
            logger.warning("picture cache not reachable")
    return picture
