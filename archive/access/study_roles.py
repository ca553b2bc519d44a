"""Which roles a person holds in one study: what its pages offer, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Project, Study
from archive.models.access import Role
from archive.models.memberships import memberships_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser

# Who takes images out of the archive as files; a researcher sees de-identified studies alone.
EXPORTING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.RADIOLOGY_ADMIN, Role.RESEARCHER})
# Who is told who opened a study.
TRAIL_ROLES: frozenset[str] = frozenset({Role.RADIOLOGY_ADMIN, Role.AUDITOR})


def roles_in(user: AnyUser, projects: Iterable[Project]) -> frozenset[str]:
    """Return the roles that the user holds in any of the projects; no statement of its own."""
    held = memberships_of(user)
    return frozenset(one.role for project in projects for one in held if _counts(one, project))


def roles_in_study(user: AnyUser, study_uid: str) -> frozenset[str]:
    """Return the same for a study that the user sees; NotVisibleError outside the rights."""
    study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    return roles_in(user, study.projects.all())


def require_may_export(user: AnyUser, study_uid: str) -> None:
    """Raise NotAllowedError unless the user may take the study out as files."""
    if not roles_in_study(user, study_uid) & EXPORTING_ROLES:
        raise NotAllowedError(
            gettext("Your role in its project does not allow you to take images out.")
        )


def _counts(held: Held, project: Project) -> bool:
    """Whether a membership counts in a project; one of every project means the standard ones."""
    if held.project_id == project.pk:
        return True
    if project.kind == Project.Kind.UNASSIGNED:
        return held.role == Role.RADIOLOGY_ADMIN
    return held.project_id is None
