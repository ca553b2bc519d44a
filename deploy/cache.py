"""The shared cache, and this process's own memory for as long as that is away.

What is kept there is never the only copy of anything; but sign-in asks it for limits, and must go
on when Valkey does not.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

# How long the shared cache is left alone after it failed: each try may take its time.
_PAUSE_S = 2.0
_MOST_OWN = 10_000
# By address, until when it counts as away: Django has a cache for each thread.
_away_until: dict[str, float] = {}


class _Client:
    """Does what `RedisCacheClient` does, there or here."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        self._name = ",".join(servers)
        self._shared = RedisCacheClient(servers, **options)
        self._own = LocMemCache(self._name, {"OPTIONS": {"MAX_ENTRIES": _MOST_OWN}})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        there, here = getattr(self._shared, name), getattr(self._own, name)

        def asked(*arguments: Any) -> Any:
            if time.monotonic() < _away_until.get(self._name, 0.0):
                return here(*arguments)
            try:
                answer = there(*arguments)
            except RedisError as error:
                self._note_away(error)
                return here(*arguments)
            _away_until.pop(self._name, None)
            return answer

        return asked

    def _note_away(self, error: RedisError) -> None:
        if self._name not in _away_until:
            # What was kept here the last time is long past.
            self._own.clear()
            logger.warning("the shared cache is away: %s", type(error).__name__)
        _away_until[self._name] = time.monotonic() + _PAUSE_S

    def ping(self) -> None:
        self._shared.get_client().ping()


class StandInCache(RedisCache):
    """Django's cache on Redis or Valkey, with a stand-in."""

    def __init__(self, server: str | list[str], params: Mapping[str, Any]) -> None:
        super().__init__(server, dict(params))
        self._class = _Client

    def ping(self) -> None:
        """Ask the shared cache itself; RedisError where it does not answer."""
        self._cache.ping()  # type: ignore[attr-defined]
