"""Projects and who holds what in them, as those see it who say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from archive.access.selectors import is_site_radiology_admin
from archive.accounts.memberships import may_give_roles, may_staff_any
from archive.accounts.selectors import is_user_admin
from archive.audit import projects as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Membership, Project
from archive.models.access import Role
from archive.models.memberships import memberships_of

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# Nothing is taken for a project of that quota; what is in it stays and can be read.
CLOSED = 0


@dataclass(frozen=True)
class ProjectLine:
    """A project, its members, and whether it takes studies."""

    project: Project
    members: int
    may_change: bool

    @property
    def is_closed(self) -> bool:
        """Whether nothing new is taken for it."""
        return self.project.quota_bytes == CLOSED


def list_projects(user: AnyUser) -> list[ProjectLine]:
    """Return the projects that the user administers, by name.

    Raises
    ------
    NotAllowedError
        The user administers none.
    """
    if not may_staff_any(user):
        raise NotAllowedError(_("Only administrators see projects and their members."))
    people = Count("memberships__user", filter=Q(memberships__user__is_active=True), distinct=True)
    rows = _administered(user).annotate(people=people).order_by("kind", "name")
    may_change = is_site_radiology_admin(user)
    return [ProjectLine(row, row.people, may_change) for row in rows]


def find_administered(user: AnyUser, slug: str) -> Project:
    """Return a project that the user administers.

    Raises
    ------
    NotVisibleError
        There is none of that slug.
    """
    project = _administered(user).filter(slug=slug).first()
    if project is None:
        raise NotVisibleError(_("There is no such project, or it is not yours to administer."))
    return project


def _administered(user: AnyUser) -> QuerySet[Project]:
    if is_user_admin(user) or is_site_radiology_admin(user):
        return Project.objects.all()
    keys = {held.project_id for held in memberships_of(user) if held.role == Role.RADIOLOGY_ADMIN}
    mine = [key for key in keys if key is not None]
    return Project.objects.filter(pk__in=mine)


def make_project(*, asker: Asker, name: str, is_deidentified: bool = False) -> Project:
    """Make a project; its slug follows from its name and stays.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive may.
    InvalidRequestError
        The name is empty, or there is one already.
    """
    _require_site(asker)
    name = name.strip()
    slug = slugify(name)[:64]
    if not slug or len(name) > 128:
        raise InvalidRequestError(_("A project has a name of letters or digits, at most 128."))
    try:
        with transaction.atomic():
            project: Project = Project.objects.create(
                name=name, slug=slug, is_deidentified=is_deidentified
            )
            details = {"deidentified": is_deidentified}
            audit.record_project_made(asker, project=slug, details=details)
    except IntegrityError as error:
        raise InvalidRequestError(_("There is a project of this name already.")) from error
    return project


def change_project(*, asker: Asker, slug: str, name: str, is_deidentified: bool) -> Project:
    """Say how a project is called, and whether copies without identity lie in it.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive may.
    NotVisibleError
        There is no such project.
    InvalidRequestError
        The name is empty; or the project holds studies with identities.
    """
    _require_site(asker)
    name = name.strip()
    if not name or len(name) > 128:
        raise InvalidRequestError(_("A project has a name, of 128 characters at most."))
    with transaction.atomic():
        project = Project.objects.select_for_update().filter(slug=slug).first()
        if project is None:
            raise NotVisibleError(_("There is no such project."))
        is_new = is_deidentified and not project.is_deidentified
        if is_new and project.studies.filter(is_deidentified=False).exists():
            raise InvalidRequestError(_("There are studies with identities in this project."))
        project.name, project.is_deidentified = name, is_deidentified
        project.save(update_fields=["name", "is_deidentified"])
        details = {"name": name, "deidentified": is_deidentified}
        audit.record_project_changed(asker, project=slug, details=details)
    return project


def _require_site(asker: Asker) -> None:
    if asker.user is None or not is_site_radiology_admin(asker.user):
        raise NotAllowedError(_("Only a radiology admin of the whole archive may do this."))


def list_roles(
    user: AnyUser, *, project: str = "", role: str = "", search: str = ""
) -> QuerySet[Membership]:
    """Return who holds what, as far as the user says who does, by name.

    Parameters
    ----------
    user
        a user administrator, or a radiology admin
    project
        slug; ``*`` for roles in every project
    role, search
        a role, and a part of the account's name

    Raises
    ------
    NotAllowedError
        The user gives nobody roles.
    """
    if not may_staff_any(user):
        raise NotAllowedError(_("Only administrators see who holds what."))
    rows = Membership.objects.select_related("user", "project")
    if not may_give_roles(user, None):
        rows = rows.filter(project__in=_administered(user))
    if project:
        rows = rows.filter(project=None) if project == "*" else rows.filter(project__slug=project)
    if role:
        rows = rows.filter(role=role)
    if search.strip():
        text = search.strip()
        rows = rows.filter(
            Q(user__username__icontains=text)
            | Q(user__first_name__icontains=text)
            | Q(user__last_name__icontains=text)
        )
    return rows.order_by("user__username", "project__name", "role")
