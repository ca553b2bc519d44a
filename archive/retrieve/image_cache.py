"""Encoded pictures, kept for a while: decoding and windowing cost more than looking them up.

The key is the content's hash with all that shaped the picture, so an entry is never stale; rights
are checked before each look.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

MAX_ENTRY_BYTES = 256 * 1024
_SECONDS = 24 * 3600


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
    try:
        kept = cache.get(key)
    except RedisError:
        logger.warning("picture cache not reachable")
        return make()
    if isinstance(kept, bytes):
        return kept
    picture = make()
    if len(picture) <= MAX_ENTRY_BYTES:
        try:
            cache.set(key, picture, _SECONDS)
        except RedisError:
            logger.warning("picture cache not reachable")
    return picture
