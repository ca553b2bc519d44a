"""The one gate: which rows an account may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BooleanField, Exists, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from archive.models.access import (
    DEIDENTIFIED_ROLES,
    READING_ROLES,
    REVIEWING_ROLES,
    Project,
    Role,
)
from archive.models.granted import granted_key, granted_studies, shared_link, shared_studies
from archive.models.memberships import memberships_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.memberships import Held

AnyUser = User | AnonymousUser
ModelT = TypeVar("ModelT", bound=Model)
# Of the columns ``withheld`` of study, series and instance.
DELETED = "deleted"


def readable_projects(user: AnyUser, roles: frozenset[str]) -> QuerySet[Project]:
    """Projects in which the user holds one of the roles.

    A membership without a project holds in every standard project. *Unassigned* is seen by
    radiology admins alone, whichever project they hold that role in.
    """
    condition = _projects_condition(memberships_of(user), roles, project_path="")
    if condition is None:
        return Project.objects.all()
    return Project.objects.filter(condition) if condition else Project.objects.none()


def visible_studies_filter(user: AnyUser, study_path: str) -> Q:
    """Build the condition that the study at ``study_path`` lies in the user's rights.

    The user's memberships are read first, one small query: the condition that follows from them
    is several times cheaper to build and to plan than one that asks for them row by row.

    Parameters
    ----------
    user
        the asker; anonymous and disabled accounts see nothing
    study_path
        lookup path from the filtered model to the study's key, as ``"pk"`` or ``"series__study"``
    """
    return _visible(memberships_of(user), study_path)


def visible_series_filter(user: AnyUser, study_path: str, series_path: str) -> Q:
    """Build the same condition for series and what lies in them: trials are for reviewers alone.

    Parameters
    ----------
    user
        the asker
    study_path
        lookup path from the filtered model to the study's key
    series_path
        and to the series' columns: empty, or ending in two underscores
    """
    held = memberships_of(user)
    reviewing = _projects_condition(held, REVIEWING_ROLES)
    if reviewing is None:
        return _visible(held, study_path)
    is_shown = ~Q(**{f"{series_path}withheld": "trial"})
    if reviewing:
        is_shown |= _in_projects(reviewing, study_path)
    return _visible(held, study_path) & is_shown


def _visible(held: Sequence[Held], study_path: str) -> Q:
    link = shared_link(held)
    if link is not None:
        # No more than whoever made the link may see at this moment.
        here = Q(**{f"{study_path}__in": shared_studies(link.key)})
        return here & _visible(link.within, study_path)
    reading = _projects_condition(held, READING_ROLES)
    if reading is None:
        return Q()
    deidentified = _projects_condition(held, DEIDENTIFIED_ROLES)
    if deidentified:
        reading |= deidentified & Q(study__is_deidentified=True)
    by_role = _in_projects(reading, study_path) if reading else Q(pk__in=[])
    account = granted_key(held)
    if account is None:
        return by_role
    return _row_by_row(reading, study_path) | _granted(held, account, study_path)


def _granted(held: Sequence[Held], account: int, study_path: str) -> Q:
    """Single studies; who is a researcher and nothing else never sees an identity by them."""
    studies = granted_studies(account)
    roles = {one.role for one in held} & (READING_ROLES | DEIDENTIFIED_ROLES)
    if roles and roles <= DEIDENTIFIED_ROLES:
        from archive.models.study import Study  # noqa: PLC0415 as below

        unnamed = Study.objects.order_by().filter(is_deidentified=True, pk__in=studies)
        return Q(**{f"{study_path}__in": unnamed.values("pk")})
    return Q(**{f"{study_path}__in": studies})


def _in_projects(condition: Q, study_path: str) -> Q:
    from archive.models.study import Study  # noqa: PLC0415 querysets are imported by the models

    through = Study.projects.through.objects.filter(study_id=OuterRef(study_path))
    return Q(Exists(through.filter(condition)))


def _row_by_row(condition: Q, study_path: str) -> Q:
    """Ask the same where it is one of two conditions, of which the database joins none.

    It would gather all studies of the projects before the first row; a value is looked up for each
    row that it comes to, which is soon over where few rows are wanted.
    """
    from archive.models.study import Study  # noqa: PLC0415 as above

    if not condition:
        return Q(pk__in=[])
    through = Study.projects.through.objects.filter(study_id=OuterRef(study_path))
    found = through.filter(condition).order_by().values_list(Value(value=True))[:1]
    return Q(Coalesce(Subquery(found), Value(value=False), output_field=BooleanField()))


def _projects_condition(
    held: Sequence[Held], roles: frozenset[str], *, project_path: str = "project__"
) -> Q | None:
    """Condition on the project at the path; empty for no project, None for every project."""
    mine = [one for one in held if one.role in roles]
    is_wide = any(one.project_id is None for one in mine)
    sees_unassigned = Role.RADIOLOGY_ADMIN in roles and any(
        one.role == Role.RADIOLOGY_ADMIN for one in held
    )
    if is_wide and sees_unassigned:
        return None
    condition = Q()
    if is_wide:
        condition |= Q(**{f"{project_path}kind": Project.Kind.STANDARD})
    else:
        named = [one.project_id for one in mine if one.project_kind == Project.Kind.STANDARD]
        if named:
            condition |= Q(**{f"{project_path}pk__in": named})
    if sees_unassigned:
        condition |= Q(**{f"{project_path}kind": Project.Kind.UNASSIGNED})
    return condition


class VisibleQuerySet(QuerySet[ModelT]):
    """A queryset that knows the way to its study."""

    study_path = "pk"

    def visible_to(self, user: AnyUser) -> Self:
        """Keep the rows inside the user's rights; a detail view asks the same question.

        What is deleted is seen by nobody until that is undone. Each row says so of itself: with a
        study go its series, with a series its instances (`archive.curation.removals`).
        """
        return self.visible_with_deleted_to(user).exclude(withheld=DELETED)

    def visible_with_deleted_to(self, user: AnyUser) -> Self:
        """Keep the rows inside the user's rights, deleted ones too: for undoing, and for 410."""
        return self.filter(visible_studies_filter(user, self.study_path))


class StudyQuerySet(VisibleQuerySet[Any]):
    study_path = "pk"


class SeriesQuerySet(VisibleQuerySet[Any]):
    study_path = "study_id"

    def visible_with_deleted_to(self, user: AnyUser) -> Self:
        """Keep the rows inside the user's rights, trials of models for reviewers alone."""
        return self.filter(visible_series_filter(user, self.study_path, ""))


class InstanceQuerySet(VisibleQuerySet[Any]):
    study_path = "series__study_id"

    def shown(self) -> Self:
        """Keep what default answers hold: neither deleted nor rejected by a note."""
        return self.filter(withheld="")

    def visible_with_deleted_to(self, user: AnyUser) -> Self:
        """Keep the rows inside the user's rights, trials of models for reviewers alone."""
        return self.filter(visible_series_filter(user, self.study_path, "series__"))


class PatientQuerySet(QuerySet[Any]):
    def visible_to(self, user: AnyUser) -> Self:
        """Keep patients with at least one study that the user may see."""
        from archive.models.study import Study  # noqa: PLC0415 see visible_studies_filter

        studies = Study.objects.visible_to(user).filter(patient_id=OuterRef("pk"))
        return self.filter(Exists(studies))
