"""The one gate: which rows an account may see."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES, Membership, Project, Role

AnyUser = User | AnonymousUser
ModelT = TypeVar("ModelT", bound=Model)


def readable_projects(user: AnyUser, roles: frozenset[str]) -> QuerySet[Project]:
    """Projects in which the user holds one of the roles.

    A membership without a project holds in every standard project. *Unassigned* is seen by
    radiology admins alone, whichever project they hold that role in.
    """
    own = Membership.objects.filter(user_id=user.pk or 0)
    held = own.filter(role__in=roles)
    is_admin = own.filter(role=Role.RADIOLOGY_ADMIN)
    standard = Q(kind=Project.Kind.STANDARD) & (
        Exists(held.filter(project=OuterRef("pk"))) | Exists(held.filter(project__isnull=True))
    )
    if Role.RADIOLOGY_ADMIN in roles:
        return Project.objects.filter(
            standard | (Q(kind=Project.Kind.UNASSIGNED) & Exists(is_admin))
        )
    return Project.objects.filter(standard)


def visible_studies_filter(user: AnyUser, study_path: str) -> Q:
    """Build the condition that the study at ``study_path`` lies in the user's rights.

    Parameters
    ----------
    user
        the asker; anonymous and disabled accounts see nothing
    study_path
        lookup path from the filtered model to the study's key, as ``"pk"`` or ``"series__study"``
    """
    from archive.models.study import Study  # noqa: PLC0415 querysets are imported by the models

    if not user.is_authenticated or not user.is_active:
        return Q(pk__in=[])
    through = Study.projects.through.objects
    in_project = through.filter(
        study_id=OuterRef(study_path), project__in=readable_projects(user, READING_ROLES)
    )
    in_deidentified = through.filter(
        study_id=OuterRef(study_path),
        study__is_deidentified=True,
        project__in=readable_projects(user, DEIDENTIFIED_ROLES),
    )
    return Q(Exists(in_project)) | Q(Exists(in_deidentified))


class VisibleQuerySet(QuerySet[ModelT]):
    """A queryset that knows the way to its study."""

    study_path = "pk"

    def visible_to(self, user: AnyUser) -> Self:
        """Keep the rows inside the user's rights; a detail view asks the same question."""
        return self.filter(visible_studies_filter(user, self.study_path))


class StudyQuerySet(VisibleQuerySet[Any]):
    study_path = "pk"


class SeriesQuerySet(VisibleQuerySet[Any]):
    study_path = "study_id"


class InstanceQuerySet(VisibleQuerySet[Any]):
    study_path = "series__study_id"


class PatientQuerySet(QuerySet[Any]):
    def visible_to(self, user: AnyUser) -> Self:
        """Keep patients with at least one study that the user may see."""
        from archive.models.study import Study  # noqa: PLC0415 see visible_studies_filter

        studies = Study.objects.visible_to(user).filter(patient_id=OuterRef("pk"))
        return self.filter(Exists(studies))
