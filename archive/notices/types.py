"""What people can be told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.utils.functional import _StrPromise

    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class Topic:
    """A kind of news: under which name its rows are kept, and how people choose it.

    ``is_for`` says who may be told of it at all; without it, everyone. ``is_on`` says whether
    people who chose nothing are told of it in the portal; mail is always asked for, and
    ``is_mailed`` says whether it can be.
    """

    key: str
    label: str | _StrPromise
    hint: str | _StrPromise
    icon: str = "bell"
    is_on: bool = True
    is_mailed: bool = True
    is_for: Callable[[AnyUser], bool] | None = None


@dataclass(frozen=True)
class Choice:
    """A topic and what somebody wants of it."""

    topic: Topic
    in_portal: bool
    by_mail: bool
