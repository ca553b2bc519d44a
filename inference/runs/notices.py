"""Tell people of runs: who asked for it, on the bell, by mail and by webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.audit import runs as audit
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import Membership
from archive.models.access import Role
from archive.notices.services import mark_topic_read, tell
from inference.models import ModelVersion, Run, RunNotice, RunSubscription
from inference.runs.selectors import visible_runs
from inference.runs.webhooks import require_allowed_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

Kind = RunNotice.Kind
# Topic of `archive.notices`.
RUNS = "run"
_TITLES: dict[str, _StrPromise] = {
    Kind.DONE: _("A run of {model} is done"),
    Kind.FAILED: _("A run of {model} failed"),
    Kind.CRITICAL: _("{model} found something critical"),
}


@dataclass(frozen=True)
class Wishes:
    """What a person wants to be told of, and how."""

    on_done: bool = False
    on_failed: bool = False
    on_critical: bool = False
    by_mail: bool = False
    webhook_url: str = ""
    webhook_secret: str = ""


def note_end(run: Run) -> None:
    """Write down whom to tell that a run is over; part of the transaction that ends it."""
    if run.is_background:
        return
    kinds = set(_kinds_of(run))
    if not kinds:
        return
    now = timezone.now()
    rows = [
        RunNotice(run=run, user_id=wish.user_id, kind=kind, not_before=now)
        for wish in RunSubscription.objects.select_related("user")
        for kind in kinds
        if _is_wanted(wish, kind, run)
    ]
    RunNotice.objects.bulk_create(rows, ignore_conflicts=True)
    for kind in kinds:
        tell(
            [row.user_id for row in rows if row.kind == kind],
            RUNS,
            format_lazy(_TITLES[kind], model=str(run.model_version)),
            reverse("runs:run-detail", args=[run.pk]),
            key=f"run-{run.pk}-{kind}",
            study_id=run.study_id,
        )


def _kinds_of(run: Run) -> Iterator[str]:
    if run.state == Run.State.SUCCEEDED:
        yield Kind.DONE
        is_trial = run.is_shadow or run.model_version.state == ModelVersion.State.SHADOW
        if not is_trial and run.findings.filter(is_critical=True).exists():
            yield Kind.CRITICAL
    if run.state == Run.State.DEAD:
        yield Kind.FAILED


def _is_wanted(wish: RunSubscription, kind: str, run: Run) -> bool:
    """Whether the person asked to hear of it and may: rights first where it isn't their run."""
    user = wish.user
    if not user.is_active:
        return False
    is_own = run.requested_by_id == user.pk
    sees = visible_runs(user).filter(pk=run.pk).exists
    if kind == Kind.CRITICAL:
        return wish.on_critical and sees()
    if kind == Kind.DONE:
        return wish.on_done and is_own and sees()
    return wish.on_failed and (is_own or _administers(user, run)) and sees()


def _administers(user: User, run: Run) -> bool:
    in_project = Q(project__isnull=True) | Q(project__studies=run.study_id)
    return Membership.objects.filter(in_project, user=user, role=Role.RADIOLOGY_ADMIN).exists()


def wishes_of(user: AnyUser) -> Wishes:
    """Return what the user asked to be told of; the secret of a webhook stays here."""
    row = RunSubscription.objects.filter(user=user.pk).first()
    if row is None:
        return Wishes()
    return Wishes(
        on_done=row.on_done,
        on_failed=row.on_failed,
        on_critical=row.on_critical,
        by_mail=row.by_mail,
        webhook_url=row.webhook_url,
    )


def change_wishes(*, asker: Asker, wishes: Wishes) -> None:
    """Keep what the user wants to be told of; an empty secret leaves the one that is there.

    Raises
    ------
    NotAllowedError
        Nobody is signed in.
    InvalidRequestError
        There is no mail here or no address, or the webhook's host is not one of the site's.
    """
    user = asker.user
    if user is None or not user.is_authenticated:
        raise NotAllowedError(gettext("Sign in to be told of runs."))
    if wishes.by_mail and not (is_mail_possible() and user.email):
        raise InvalidRequestError(gettext("There is no mail here, or your account has no address."))
    if wishes.webhook_url:
        require_allowed_url(wishes.webhook_url)
    values = {
        "on_done": wishes.on_done,
        "on_failed": wishes.on_failed,
        "on_critical": wishes.on_critical,
        "by_mail": wishes.by_mail,
        "webhook_url": wishes.webhook_url,
    }
    if wishes.webhook_secret or not wishes.webhook_url:
        values["webhook_secret"] = wishes.webhook_secret
    with transaction.atomic():
        RunSubscription.objects.update_or_create(user_id=user.pk, defaults=values)
        values.pop("webhook_secret", None)
        audit.record_notices_changed(asker, details=values)


def is_mail_possible() -> bool:
    """Whether the site has somewhere to send mail to."""
    return bool(settings.TWINSIGHT_EMAIL_URL)


def notices_of(user: AnyUser) -> QuerySet[RunNotice]:
    """Return what the user was told of, the newest first; what they see no more is left out."""
    runs = visible_runs(user).filter(pk=OuterRef("run_id"))
    rows = RunNotice.objects.filter(Exists(runs), user=user.pk or 0)
    return rows.select_related("run__model_version", "run__series", "run__study")


def mark_notices_seen(user: AnyUser) -> int:
    """Note that the user has seen all of their news."""
    mark_topic_read(user, RUNS)
    own = RunNotice.objects.filter(user=user.pk or 0, seen_at__isnull=True)
    return own.update(seen_at=timezone.now())
