"""Projects: where studies belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import slugify

from archive.errors import NotVisibleError
from archive.models import Project
from archive.models.access import STORING_ROLES
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def unassigned_project() -> Project:
    """Return the project of studies that no door claims."""
    project, _ = Project.objects.get_or_create(
        kind=Project.Kind.UNASSIGNED, defaults={"name": "Unassigned", "slug": "unassigned"}
    )
    return project


def ensure_project(*, name: str) -> Project:
    """Return the standard project of that name, made where missing."""
    project, _ = Project.objects.get_or_create(
        slug=slugify(name)[:64], defaults={"name": name, "kind": Project.Kind.STANDARD}
    )
    return project


def find_project(name_or_slug: str) -> Project:
    """Return the project of that name or slug.

    Raises
    ------
    NotVisibleError
        There is none.
    """
    project = (
        Project.objects.filter(slug=name_or_slug).first()
        or Project.objects.filter(name=name_or_slug).first()
    )
    if project is None:
        raise NotVisibleError(f"There is no project {name_or_slug!r}.")
    return project


def storing_projects(user: User) -> list[Project]:
    """Projects into which the user may put studies, by name."""
    return list(readable_projects(user, STORING_ROLES).order_by("kind", "name"))
