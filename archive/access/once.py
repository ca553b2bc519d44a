"""The same rows for the several parts of one page: read once while the page is made.

A page's head, panels and menus each ask for the study that it shows. While a page says so
(`reads_once`), a reading that was marked for it (`once`) answers the second time from memory; what
changes something does not say so.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from archive.models.querysets import AnyUser

_P = ParamSpec("_P")
_T = TypeVar("_T")
_memory: ContextVar[dict[Hashable, object] | None] = ContextVar("once", default=None)


def once(
    read: Callable[Concatenate[AnyUser, _P], _T],
) -> Callable[Concatenate[AnyUser, _P], _T]:
    """Mark a reading: of an asker and values that may be keys, and of nothing that changes it."""

    @functools.wraps(read)
    def reading(user: AnyUser, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        memory = _memory.get()
        if memory is None or user.pk is None:
            return read(user, *args, **kwargs)
        key = (read, user.pk, args, tuple(sorted(kwargs.items())))
        if key not in memory:
            memory[key] = read(user, *args, **kwargs)
        return memory[key]  # type: ignore[return-value]  # what this very reading returned

    return reading  # type: ignore[return-value]  # its first parameter may be named, too


def reads_once(make: Callable[_P, _T]) -> Callable[_P, _T]:
    """Mark what makes a page and changes nothing."""

    @functools.wraps(make)
    def making(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        before = _memory.set({})
        try:
            return make(*args, **kwargs)
        finally:
            _memory.reset(before)

    return making
