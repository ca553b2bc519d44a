"""Services that change who may do what."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Unpack

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.projects import unassigned_project
from archive.access.smart import PLAIN
from archive.access.types import PeerOptions, TokenPrincipal
from archive.audit import services as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError
from archive.models import Account, ApiToken, Membership, Peer, Project
from archive.models.access import Role
from archive.models.memberships import forget_memberships
from archive.models.rights_watch import Kept, watch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.contrib.auth.models import User

    from archive.audit.types import Asker

TOKEN_PREFIX = "tws_"  # noqa: S105 a mark by which leaked tokens are found, no secret
_HINT_LENGTH = 12
_recent_tokens: Kept[str, ApiToken] = Kept()


def ensure_first_admin(
    *, username: str = "admin", must_change_password: bool = False
) -> tuple[str, str | None]:
    """Make the first user, once: user administrator of the site and radiology admin.

    Parameters
    ----------
    must_change_password
        whether the password that is returned holds for the first sign-in only

    Returns
    -------
    the user's name, and the new password where one was made (shown once, never stored)
    """
    users = get_user_model().objects
    with transaction.atomic():
        existing = users.filter(is_superuser=True).order_by("pk").first()
        if existing is not None:
            return existing.get_username(), None
        password = secrets.token_urlsafe(12)
        user = users.create_superuser(username, email="", password=password)
        Membership.objects.get_or_create(user=user, project=None, role=Role.RADIOLOGY_ADMIN)
        Account.objects.create(user=user, must_change_password=must_change_password)
        unassigned_project()
    return username, password


def grant_role(*, user: User, role: str, project: Project | None) -> None:
    """Give the user a role in a project, or in every standard project."""
    Membership.objects.get_or_create(user=user, project=project, role=role)
    forget_memberships()


def create_api_token(
    *,
    asker: Asker,
    username: str,
    scopes: Iterable[str],
    role: str | None = None,
    projects: Iterable[Project | None] = (),
    expires_at: datetime | None = None,
) -> str:
    """Make a token, and its service user where there is none; return the only copy of it.

    Parameters
    ----------
    scopes
        of read, write, admin, metrics
    role, projects
        membership to grant; ``None`` among the projects stands for every project. The first
        named project is where the token's studies go.

    Raises
    ------
    InvalidRequestError
        A scope or role is unknown, or none is given.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in ApiToken.Scope.values]
    if unknown or not wanted:
        message = f"A token needs scopes out of {', '.join(ApiToken.Scope.values)}."
        raise InvalidRequestError(message)
    if role is not None and role not in Role.values:
        raise InvalidRequestError(
            gettext("A role is one of %(choices)s.") % {"choices": ", ".join(Role.values)}
        )
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    targets = list(projects)
    with transaction.atomic():
        user = _service_user(username)
        for project in targets:
            grant_role(user=user, role=role or Role.VIEWER, project=project)
        ApiToken.objects.create(
            user=user,
            digest=_digest(secret),
            hint=secret[:_HINT_LENGTH],
            scopes=wanted,
            project=next((project for project in targets if project is not None), None),
            expires_at=expires_at,
        )
        audit.record_token_created(
            asker, hint=secret[:_HINT_LENGTH], scopes=wanted, username=username
        )
    return secret


def _service_user(username: str) -> User:
    users = get_user_model().objects
    user = users.filter(username=username).first()
    if user is None:
        user = users.create_user(username)
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate_token(secret: str) -> TokenPrincipal | None:
    """Return who the token speaks for; None for unknown, expired, revoked or disabled ones.

    Found tokens are kept for some seconds, and forgotten at once where the database tells that
    a token, an account or a project changed.
    """
    digest = _digest(secret)
    revision = watch.revision
    token = _recent_tokens.get(digest)
    if token is None:
        token = _find_token(digest)
        if token is None:
            return None
        _recent_tokens.put(digest, token, revision)
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return None
    return TokenPrincipal(
        user=_copy(token.user),
        scopes=frozenset(token.scopes),
        hint=token.hint,
        project=token.project,
        resource_scopes=frozenset(token.granted_scope.split()) - set(PLAIN),
    )


def _find_token(digest: str) -> ApiToken | None:
    token = ApiToken.objects.select_related("user", "project").filter(digest=digest).first()
    now = timezone.now()
    if token is None or token.revoked_at is not None or not token.user.is_active:
        return None
    # Once a minute is enough to see whether a token is in use.
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > 60:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _copy(user: User) -> User:
    """Give each request an account object of its own: Django hangs what it found out on it."""
    copied: User = object.__new__(type(user))
    copied.__dict__.update(user.__dict__)
    return copied


def register_peer(
    *,
    ae_title: str,
    address: str,
    port: int | None = None,
    project: Project | None = None,
    description: str = "",
    **options: Unpack[PeerOptions],
) -> Peer:
    """Let a DICOM application entity in, or change what is known of it.

    Parameters
    ----------
    ae_title, address
        what it calls itself and from where; together they name the entry
    port, project, description
        where it listens, where its studies go, what people call it
    **options
        what else it may, and how it is called; what is left out stays as it was

    Raises
    ------
    InvalidRequestError
        The AE title, address, port or a transfer syntax can't be one.
    """
    title = ae_title.strip()
    fields = {"port": port, "project": project, "description": description, **options}
    wanted = Peer(ae_title=title, address=address, **fields)
    try:
        wanted.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise InvalidRequestError(" ".join(error.messages)) from error
    if not all(is_valid_uid(uid) for uid in wanted.transfer_syntaxes):
        raise InvalidRequestError(gettext("A transfer syntax is named by its UID."))
    peer, _ = Peer.objects.update_or_create(
        ae_title=title, address=address, defaults={**fields, "is_enabled": True}
    )
    return peer
