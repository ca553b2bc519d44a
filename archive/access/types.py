from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project


@dataclass(frozen=True)
class TokenPrincipal:
    """Who a valid bearer token speaks for, and how far."""

    user: User
    scopes: frozenset[str]
    hint: str
    project: Project | None
