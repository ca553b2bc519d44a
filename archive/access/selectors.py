"""Who may what, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from archive.errors import NotAllowedError
from archive.models import Membership, Peer
from archive.models.access import LABELLING_ROLES, REVIEWING_ROLES, STORING_ROLES, Role
from archive.models.memberships import memberships_of
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from archive.models import Project, Study
    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser


def holds_role(user: AnyUser, roles: frozenset[str] | set[str]) -> bool:
    """Whether the user holds one of the roles in any project."""
    return any(held.role in roles for held in memberships_of(user))


def is_radiology_admin(user: AnyUser) -> bool:
    """Whether the user is a radiology admin of any project."""
    return holds_role(user, {Role.RADIOLOGY_ADMIN})


def require_radiology_admin(user: AnyUser) -> None:
    """Raise NotAllowedError unless the user is a radiology admin."""
    if not is_radiology_admin(user):
        raise NotAllowedError("Only a radiology admin may do this.")


def is_site_radiology_admin(user: AnyUser) -> bool:
    """Whether the user is a radiology admin of every project."""
    return any(
        held.role == Role.RADIOLOGY_ADMIN and held.project_id is None
        for held in memberships_of(user)
    )


def require_site_radiology_admin(user: AnyUser) -> None:
    """Raise NotAllowedError unless the user is a radiology admin of every project.

    For figures over the whole archive: names of labels and scanners are in them.
    """
    if not is_site_radiology_admin(user):
        raise NotAllowedError("Only a radiology admin of the whole archive may do this.")


def require_may_store(user: AnyUser, project: Project | None) -> None:
    """Raise NotAllowedError unless the user may put studies into the project.

    Without a project, any role that stores is enough: the study goes to *Unassigned*.
    """
    if not user.is_authenticated or not user.is_active:
        raise NotAllowedError("Sign in to store studies.")
    storing = [held for held in memberships_of(user) if held.role in STORING_ROLES]
    if not any(project is None or _holds_in(held, project) for held in storing):
        raise NotAllowedError("You may not store studies in this project.")


def _holds_in(held: Held, project: Project) -> bool:
    """Whether a membership counts in a project; one of every project means the standard ones."""
    if held.project_id == project.pk:
        return True
    if project.kind == "unassigned":
        return held.role == Role.RADIOLOGY_ADMIN
    return held.project_id is None


def home_project(user: AnyUser) -> Project | None:
    """Return the one project into which the user stores, where there is exactly one."""
    named = (
        Membership.objects.filter(
            user_id=user.pk or 0, role__in=STORING_ROLES, project__kind="standard"
        )
        .select_related("project")
        .order_by("project_id")
    )
    projects = {membership.project_id: membership.project for membership in named}
    return next(iter(projects.values())) if len(projects) == 1 else None


def find_peer(*, ae_title: str, address: str) -> Peer | None:
    """Return the enabled peer that calls itself so from that address."""
    return (
        Peer.objects.select_related("project")
        .filter(ae_title=ae_title.strip(), address=address, is_enabled=True)
        .first()
    )


def may_add_to(user: AnyUser | None, study: Study) -> bool:
    """Whether the user may put instances into a study that exists.

    They must see it and hold a storing role in one of its projects. ``None`` stands for the
    archive itself and for registered peers.
    """
    if user is None:
        return True
    if not type(study).objects.visible_to(user).filter(pk=study.pk).exists():
        return False
    return readable_projects(user, STORING_ROLES).filter(studies=study).exists()


def require_may_label(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may label, review and analyse in the study."""
    may = readable_projects(user, LABELLING_ROLES).filter(studies=study).exists()
    if not may:
        raise NotAllowedError("Your role in this project only allows you to look.")


def may_review_any(user: AnyUser) -> bool:
    """Whether the user may review results of models in any project."""
    return holds_role(user, REVIEWING_ROLES)


def may_label_any(user: AnyUser) -> bool:
    """Whether the user may label studies in any project."""
    return holds_role(user, LABELLING_ROLES)


def require_may_review(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may accept and reject results in the study."""
    if not readable_projects(user, REVIEWING_ROLES).filter(studies=study).exists():
        raise NotAllowedError("Only clinicians and radiology admins of its project review results.")


def known_username(text: str) -> str:
    """Return the text where it is an account's name, else nothing: people type passwords there."""
    return text if get_user_model().objects.filter(username=text[:150]).exists() else ""
