"""How much a project may store, and how much it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import BigIntegerField, Count, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.audit import forwarding as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Project

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

_MOST_BYTES = 2**62


@dataclass(frozen=True)
class ProjectUse:
    """A project, what its studies take, and its limit."""

    slug: str
    name: str
    studies: int
    stored_bytes: int
    quota_bytes: int | None

    @property
    def percent(self) -> int | None:
        """How much of the limit is taken; None without one."""
        if self.quota_bytes is None:
            return None
        return 100 * self.stored_bytes // max(self.quota_bytes, 1)


def project_uses(user: AnyUser) -> list[ProjectUse]:
    """Return every project with what it takes; a study of two projects counts in both.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive are told.
    """
    require_site_radiology_admin(user)
    rows = Project.objects.annotate(
        number=Count("studies"),
        size=Coalesce(Sum("studies__stored_bytes"), 0, output_field=BigIntegerField()),
    )
    return [
        ProjectUse(row.slug, row.name, row.number, row.size, row.quota_bytes)
        for row in rows.order_by("kind", "name")
    ]


def set_quota(*, asker: Asker, slug: str, quota_bytes: int | None) -> None:
    """Say how much a project may store; None takes the limit away.

    What is stored stays: past the limit nothing new is taken.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive may.
    NotVisibleError
        There is no such project.
    InvalidRequestError
        No such number of bytes can be stored.
    """
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change quotas."))
    require_site_radiology_admin(asker.user)
    if quota_bytes is not None and not 0 <= quota_bytes <= _MOST_BYTES:
        raise InvalidRequestError(gettext("A quota is a number of bytes, from 0."))
    with transaction.atomic():
        if not Project.objects.filter(slug=slug).update(quota_bytes=quota_bytes):
            raise NotVisibleError("There is no such project.")
        audit.record_quota_changed(asker, project=slug, quota_bytes=quota_bytes)
