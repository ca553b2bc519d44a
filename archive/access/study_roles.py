"""Which roles a person holds in one study: what its pages offer, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Project, Study
from archive.models.access import DEIDENTIFIED_ROLES, Role
from archive.models.memberships import memberships_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser

# Who takes images out of the archive as files, a researcher those without identity alone: more is
# seen by who has another role beside it, or a grant (`may_export`).
EXPORTING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.RADIOLOGY_ADMIN, Role.RESEARCHER})
# Who is told who opened a study.
TRAIL_ROLES: frozenset[str] = frozenset({Role.RADIOLOGY_ADMIN, Role.AUDITOR})


def roles_in(user: AnyUser, projects: Iterable[Project]) -> frozenset[str]:
    """Return the roles that the user holds in any of the projects; no statement of its own."""
    held = memberships_of(user)
    return frozenset(one.role for project in projects for one in held if _counts(one, project))


def roles_in_study(user: AnyUser, study_uid: str) -> frozenset[str]:
    """Return the same for a study that the user sees; NotVisibleError outside the rights."""
    return roles_in(user, _find_study(user, study_uid).projects.all())


def may_export(roles: frozenset[str], *, is_deidentified: bool) -> bool:
    """Whether somebody with these roles in a study may take it out as files."""
    counting = EXPORTING_ROLES if is_deidentified else EXPORTING_ROLES - DEIDENTIFIED_ROLES
    return bool(roles & counting)


def require_may_export(user: AnyUser, study_uid: str) -> None:
    """Raise NotAllowedError unless the user may take the study out as files."""
    study = _find_study(user, study_uid)
    roles = roles_in(user, study.projects.all())
    if not may_export(roles, is_deidentified=study.is_deidentified):
        raise NotAllowedError(
            gettext("Your role in its project does not allow you to take images out.")
        )


def _find_study(user: AnyUser, study_uid: str) -> Study:
    rows = Study.objects.visible_to(user)
    study: Study | None = rows.filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    return study


def _counts(held: Held, project: Project) -> bool:
    """Whether a membership counts in a project; one of every project means the standard ones."""
    if held.project_id == project.pk:
        return True
    if project.kind == Project.Kind.UNASSIGNED:
        return held.role == Role.RADIOLOGY_ADMIN
    return held.project_id is None
