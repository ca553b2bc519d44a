"""Who is asking: carried from the door to the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True)
class Asker:
    """The account, token, door and address behind an act."""

    door: str
    user: User | AnonymousUser | None = None
    token_hint: str = ""
    address: str | None = None
    name: str = ""
