"""Links that show one study or collection to whoever holds them: scoped, ending, on record."""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.attempts import count_attempt, take_back
from archive.access.grants import shareable_studies, shareable_study
from archive.audit import sharing as audit
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, LimitExceededError, NotAllowedError, NotVisibleError
from archive.models import Collection, CollectionItem, ShareLink, Study
from archive.models.memberships import Visitor, memberships_of

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models.querysets import AnyUser

# Of some series, which images; None for all of a series.
Parts = Mapping[str, frozenset[str] | None]
LINK_PREFIX = "tsl_"
_HINT_LENGTH = 12
LEAST_PASSWORD = 8
# Wrong passwords of one link from one address, and from all of them, in a quarter of an hour.
_TRIES, _TRIES_OF_ALL, _TRY_SECONDS = 5, 50, 900


@dataclass(frozen=True)
class Link:
    """A share link as its maker's list has it; the secret was shown once."""

    key: int
    hint: str
    study_uid: str
    collection_id: int | None
    name: str
    note: str
    has_password: bool
    may_download: bool
    created_by: str
    created_at: datetime
    expires_at: datetime
    is_open: bool
    opened: int
    last_opened_at: datetime | None


@dataclass(frozen=True)
class Opened:
    """What a link leads to, for its visitor's pages."""

    key: int
    hint: str
    visitor: Visitor
    note: str
    shared_by: str
    expires_at: datetime
    may_download: bool
    study_uids: tuple[str, ...]


def make_link(
    *,
    asker: Asker,
    study_uid: str = "",
    collection_id: int | None = None,
    days: int = 7,
    password: str = "",
    note: str = "",
    may_download: bool = False,
) -> tuple[Link, str]:
    """Make a link to a study or a collection; return it with the only copy of its secret.

    Raises
    ------
    NotVisibleError, NotAllowedError
        The asker may not show it to others, or links are switched off.
    InvalidRequestError
        Neither or both are named; the time or password can't be.
    """
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to share."))
    if settings.TWINSIGHT_SHARE_LINK_DAYS < 1:
        raise NotAllowedError(gettext("This archive makes no links for people outside."))
    if bool(study_uid) == (collection_id is not None):
        raise InvalidRequestError(gettext("A link leads to one study or one collection."))
    if not 1 <= days <= settings.TWINSIGHT_SHARE_LINK_DAYS:
        message = f"A link lasts 1 to {settings.TWINSIGHT_SHARE_LINK_DAYS} days."
        raise InvalidRequestError(message)
    if password and not LEAST_PASSWORD <= len(password) <= 128:
        message = f"The password of a link has {LEAST_PASSWORD} to 128 characters."
        raise InvalidRequestError(message)
    secret = LINK_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        row = ShareLink.objects.create(
            digest=_digest(secret),
            hint=secret[:_HINT_LENGTH],
            study=shareable_study(user, study_uid) if study_uid else None,
            collection=_own_collection(user, collection_id) if not study_uid else None,
            password=make_password(password) if password else "",
            note=note.strip()[:255],
            may_download=may_download,
            created_by=user,
            expires_at=timezone.now() + timedelta(days=days),
        )
        audit.record_link(asker, act="make-link", link=row.hint, details=_details(row))
    return _as_link(row), secret


def revoke_link(*, asker: Asker, link_id: int) -> None:
    """End a link at once.

    Raises
    ------
    NotVisibleError
        There is no open link of this number that the asker may end.
    """
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to end a link."))
    with transaction.atomic():
        rows = ShareLink.objects.select_for_update(of=("self",)).select_related("study")
        row = rows.filter(_manageable(asker.user), pk=link_id, revoked_at__isnull=True).first()
        if row is None:
            raise NotVisibleError("There is no such link.")
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        audit.record_link(asker, act="revoke-link", link=row.hint, details=_details(row))


def links_of(user: AnyUser, *, study_uid: str = "", collection_id: int | None = None) -> list[Link]:
    """Return the links to a study or collection, or all that the user may end; newest first."""
    rows = ShareLink.objects.select_related("study", "collection", "created_by")
    rows = rows.filter(_manageable(user))
    if study_uid:
        rows = rows.filter(study__study_instance_uid=study_uid)
    if collection_id is not None:
        rows = rows.filter(collection_id=collection_id)
    return [_as_link(row) for row in rows[:200]]


def link_of_secret(secret: str) -> tuple[int, bool]:
    """Return the key of an open link, and whether it asks for a password.

    Raises
    ------
    NotVisibleError
        It is unknown, ended, revoked, or its maker may show nothing any more.
    """
    row = ShareLink.objects.filter(digest=_digest(secret), revoked_at__isnull=True).first()
    if row is None or row.expires_at <= timezone.now():
        raise NotVisibleError("This link leads nowhere, or no longer.")
    return row.pk, bool(row.password)


def enter_link(*, asker: Asker, link_id: int, password: str = "") -> Opened:
    """Let somebody in by a link, on record.

    Raises
    ------
    NotVisibleError
        The link leads nowhere any more.
    NotAllowedError
        The password is wrong.
    LimitExceededError
        Too many wrong passwords; later again.
    """
    opened = opened_link(link_id)
    sealed = ShareLink.objects.values_list("password", flat=True).get(pk=link_id)
    visited = Asker(door=asker.door, address=asker.address, name=f"link {opened.hint}")
    study = opened.study_uids[0] if len(opened.study_uids) == 1 else ""
    if sealed:
        _check(link_id, password, sealed, asker.address or "", visited, opened.hint)
    with transaction.atomic():
        ShareLink.objects.filter(pk=link_id).update(
            opened=F("opened") + 1, last_opened_at=timezone.now()
        )
        audit.record_link_opened(visited, link=opened.hint, study=study, is_success=True)
    return opened


def _check(
    link_id: int, password: str, sealed: str, address: str, visited: Asker, hint: str
) -> None:
    limits = {f"link-tries:{link_id}:{address}": _TRIES, f"link-tries:{link_id}": _TRIES_OF_ALL}
    # Counted first: of many at once, no more are looked at than one after the other. Who has to
    # wait counts against nobody else.
    for key, most in limits.items():
        if count_attempt(key, window_s=_TRY_SECONDS) > most:
            message = "Too many wrong passwords. Try again in a quarter of an hour."
            raise LimitExceededError(message)
    if check_password(password, sealed):
        for key in limits:
            take_back(key)
        return
    audit.record_link_opened(visited, link=hint, is_success=False)
    raise NotAllowedError(gettext("This is not the password of the link."))


def opened_link(link_id: int) -> Opened:
    """Return what a link shows at this moment: never more than its maker sees.

    Raises
    ------
    NotVisibleError
        It ended, or shows nothing.
    """
    row = (
        ShareLink.objects.select_related("created_by")
        .filter(
            pk=link_id,
            revoked_at__isnull=True,
            expires_at__gt=timezone.now(),
            created_by__is_active=True,
        )
        .first()
    )
    if row is None:
        raise NotVisibleError("This link leads nowhere, or no longer.")
    visitor = Visitor(row.pk, memberships_of(row.created_by))
    studies = Study.objects.visible_to(visitor).filter(withheld="")
    uids = tuple(studies.values_list("study_instance_uid", flat=True)[:200])
    if not uids:
        raise NotVisibleError("This link leads nowhere, or no longer.")
    return Opened(
        key=row.pk,
        hint=row.hint,
        visitor=visitor,
        note=row.note,
        shared_by=row.created_by.get_full_name() or row.created_by.get_username(),
        expires_at=row.expires_at,
        may_download=row.may_download,
        study_uids=uids,
    )


def shown_parts(link_id: int, study_uid: str) -> Parts | None:
    """Return what of a study a link shows; None for all: a case may be one series, or one image.

    By series, the images that are shown of it, such as are neither deleted nor rejected; None for
    a whole series.
    """
    rows = CollectionItem.objects.filter(
        collection__share_links=link_id, study__study_instance_uid=study_uid
    )
    columns = ("series__series_instance_uid", "instance__sop_instance_uid", "instance__withheld")
    cases = list(rows.values_list(*columns).order_by("pk"))
    if not cases or any(series is None for series, _, _ in cases):
        return None
    whole = {series for series, uid, _ in cases if uid is None}
    images: defaultdict[str, set[str]] = defaultdict(set)
    for series, uid, withheld in cases:
        if series not in whole and not withheld:
            images[series].add(uid)
    return dict.fromkeys(whole) | {uid: frozenset(those) for uid, those in images.items()}


def _own_collection(user: AnyUser, collection_id: int | None) -> Collection:
    """Return a collection of the user's all of whose studies they may show to others."""
    row = Collection.objects.filter(owner_id=user.pk or 0, pk=collection_id or 0).first()
    if row is None:
        raise NotVisibleError("There is no such collection of yours.")
    if row.kind == Collection.Kind.QUIZ:
        raise InvalidRequestError(
            gettext("A quiz is not shown by a link: it would tell its answers.")
        )
    studies = Study.objects.filter(collection_items__collection=row).order_by().distinct()
    may = studies.filter(shareable_studies(user)).distinct().count()
    if may < studies.count() or not may:
        message = "Only clinicians and radiology admins of their projects share its studies."
        raise NotAllowedError(message)
    return row


def _manageable(user: AnyUser) -> Q:
    """One's own links, and those to studies of projects where one may share."""
    shareable = Study.objects.visible_to(user).filter(shareable_studies(user)).order_by()
    return Q(created_by_id=user.pk or 0) | Q(study__in=shareable.values("pk"))


def _details(row: ShareLink) -> dict[str, object]:
    target = (
        {"study": row.study.study_instance_uid}
        if row.study is not None
        else {"collection": row.collection_id}
    )
    return target | {
        "expires": row.expires_at.isoformat(),
        "download": row.may_download,
        "password": bool(row.password),
    }


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _as_link(row: ShareLink) -> Link:
    return Link(
        key=row.pk,
        hint=row.hint,
        study_uid=row.study.study_instance_uid if row.study else "",
        collection_id=row.collection_id,
        name=row.collection.name if row.collection else "",
        note=row.note,
        has_password=bool(row.password),
        may_download=row.may_download,
        created_by=row.created_by.get_username(),
        created_at=row.created_at,
        expires_at=row.expires_at,
        is_open=row.revoked_at is None and row.expires_at > timezone.now(),
        opened=row.opened,
        last_opened_at=row.last_opened_at,
    )
