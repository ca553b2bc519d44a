from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project


class PeerOptions(TypedDict, total=False):
    """What a DICOM peer may beside storing, and how it is called."""

    account: User | None
    host: str
    may_store: bool
    may_query: bool
    may_retrieve: bool
    is_move_destination: bool
    transfer_syntaxes: list[str]
    uses_tls: bool
    certificate_authority: str


@dataclass(frozen=True)
class TokenPrincipal:
    """Who a valid bearer token speaks for, and how far."""

    user: User
    scopes: frozenset[str]
    hint: str
    project: Project | None
    # SMART's, of tokens that OAuth 2 clients got.
    resource_scopes: frozenset[str] = frozenset()
