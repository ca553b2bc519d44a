"""Attempts counted over all processes, for as long as nobody shall try again so soon."""

from __future__ import annotations

from django.core.cache import cache


def count_attempt(key: str, *, window_s: int) -> int:
    """Count one more; return how many there were in the window, which begins with the first.

    Whoever counts before looking at what was tried can't be outrun by tries beside each other.
    """
    cache.add(key, 0, window_s)
    try:
        return int(cache.incr(key))
    except ValueError:
        # The window ended in between.
        cache.set(key, 1, window_s)
        return 1


def attempts(key: str) -> int:
    """Return how many were counted in the window."""
    return int(cache.get(key, 0))


def take_back(key: str) -> None:
    """Count one less: it was no attempt at guessing."""
    try:
        cache.decr(key)
    except ValueError:
        return


def is_first(key: str, *, window_s: int) -> bool:
    """Whether this was not said before in the window."""
    return bool(cache.add(key, 1, window_s))
