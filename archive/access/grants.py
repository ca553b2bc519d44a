"""One study shown to one account beside its roles: given with a reason, ended or taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit import sharing as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError, StateConflictError
from archive.events.services import publish
from archive.events.types import StudiesGranted
from archive.models import Study, StudyGrant
from archive.models.access import REVIEWING_ROLES
from archive.models.memberships import forget_memberships
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MOST_DAYS = 365


@dataclass(frozen=True)
class Grant:
    """A study shown to somebody, as lists have it."""

    key: int
    study_uid: str
    username: str
    reason: str
    granted_by: str
    created_at: datetime
    expires_at: datetime | None
    is_open: bool


def shareable_studies(user: AnyUser) -> Q:
    """Build the condition on studies that the user may show to others.

    Clinicians and radiology admins of a project show what lies in it. Who sees a study by a grant
    or in an emergency shows it to nobody.
    """
    return Q(projects__in=readable_projects(user, REVIEWING_ROLES).values("pk"))


def shareable_study(user: AnyUser, study_uid: str) -> Study:
    """Return a study that the user may show to others.

    Raises
    ------
    NotVisibleError
        It is absent, or outside the user's rights.
    NotAllowedError
        The user may look at it and no more.
    """
    study: Study | None = (
        Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    )
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    if not Study.objects.filter(shareable_studies(user), pk=study.pk).exists():
        raise NotAllowedError(
            gettext("Only clinicians and radiology admins of its project share a study.")
        )
    return study


def may_share(user: AnyUser, study_uid: str) -> bool:
    """Whether the user may show the study to others."""
    visible = Study.objects.visible_to(user).filter(shareable_studies(user))
    return visible.filter(study_instance_uid=study_uid).exists()


def grant_study(
    *, asker: Asker, study_uid: str, username: str, reason: str = "", days: int | None = None
) -> Grant:
    """Show a study to an account, for some days or until it is taken back.

    Raises
    ------
    NotVisibleError, NotAllowedError
        As `shareable_study`.
    InvalidRequestError
        There is no such account, or no such time.
    StateConflictError
        It has the study already.
    """
    actor = _actor(asker)
    study = shareable_study(actor, study_uid)
    ends = _moment_after(days)
    account = (
        get_user_model().objects.filter(username=username.strip()[:150], is_active=True).first()
    )
    if account is None:
        raise InvalidRequestError(gettext("There is no account of this name."))
    if Study.objects.visible_to(account).filter(pk=study.pk).exists():
        raise StateConflictError(
            gettext("%(name)s sees this study already.") % {"name": account.get_username()}
        )
    with transaction.atomic():
        # What ran out makes room for what is given anew.
        StudyGrant.objects.filter(user=account, study=study, revoked_at__isnull=True).update(
            revoked_at=timezone.now()
        )
        row = StudyGrant.objects.create(
            user=account,
            study=study,
            reason=reason.strip()[:500],
            granted_by=actor,
            expires_at=ends,
        )
        audit.record_grant(
            asker,
            act="grant-study",
            study=study_uid,
            user=account.get_username(),
            expires=ends.isoformat() if ends else "",
        )
        publish(StudiesGranted(grant_ids=[row.pk]))
    forget_memberships()
    return _as_grant(row)


def revoke_grant(*, asker: Asker, grant_id: int) -> None:
    """Take a grant back; at once, also for who looks at the study just now.

    Raises
    ------
    NotVisibleError
        There is no open grant of this number that the asker may take back.
    """
    user = _actor(asker)
    with transaction.atomic():
        row = (
            StudyGrant.objects.select_for_update(of=("self",))
            .select_related("study", "user")
            .filter(pk=grant_id, revoked_at__isnull=True)
            .first()
        )
        if row is None or not (
            row.granted_by_id == user.pk or may_share(user, row.study.study_instance_uid)
        ):
            raise NotVisibleError("There is no such grant.")
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        audit.record_grant(
            asker,
            act="revoke-grant",
            study=row.study.study_instance_uid,
            user=row.user.get_username(),
        )
    forget_memberships()


def grants_of(user: AnyUser, study_uid: str) -> list[Grant]:
    """Return to whom a study is shown, for those who may show it; newest first."""
    study = shareable_study(user, study_uid)
    rows = StudyGrant.objects.filter(study=study, revoked_at__isnull=True)
    return [_as_grant(row) for row in rows.select_related("study", "user", "granted_by")]


def _actor(asker: Asker) -> User:
    if asker.user is None or not asker.user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to share."))
    return asker.user


def _moment_after(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise InvalidRequestError(
            gettext("A grant lasts 1 to %(most_days)s days.") % {"most_days": MOST_DAYS}
        )
    return timezone.now() + timedelta(days=days)


def _as_grant(row: StudyGrant) -> Grant:
    return Grant(
        key=row.pk,
        study_uid=row.study.study_instance_uid,
        username=row.user.get_username(),
        reason=row.reason,
        granted_by=row.granted_by.get_username() if row.granted_by else "",
        created_at=row.created_at,
        expires_at=row.expires_at,
        is_open=row.revoked_at is None
        and (row.expires_at is None or row.expires_at > timezone.now()),
    )
