"""Who may do what with a collection.

A collection gives no right to its cases. Seen: by its owner, and by whoever reads the project that
it is shared in; by researchers where nothing in it has an identity, since people write names of
patients into names and notes. Edited: by its owner, and in its project by clinicians, annotators
and radiology admins; a quiz by radiology admins alone, since an editor sees the diagnoses. Renamed,
shared and deleted: by its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext

from archive.access.consent import REFUSED_TEXT, ResearchRefusedError, refused_studies
from archive.access.selectors import holds_role
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Collection, CollectionItem, Project, Role, Study
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.querysets import DELETED, readable_projects, visible_series_filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

EDITING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.ANNOTATOR, Role.RADIOLOGY_ADMIN})
QUIZ_EDITING_ROLES: frozenset[str] = frozenset({Role.RADIOLOGY_ADMIN})
EXPORTING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.RADIOLOGY_ADMIN})


def visible_collections(user: AnyUser) -> QuerySet[Collection]:
    """Return the user's collections, and those shared in projects that they read."""
    rows = Collection.objects.select_related("owner", "project")
    if not user.is_authenticated or not user.is_active:
        return rows.none()
    shared = Q(project__in=readable_projects(user, READING_ROLES).values("pk"))
    if holds_role(user, DEIDENTIFIED_ROLES):
        cleaned = readable_projects(user, DEIDENTIFIED_ROLES)
        shared |= Q(project__in=cleaned.values("pk")) & _without_identity()
    return rows.filter(Q(owner_id=user.pk) | shared)


def _without_identity() -> Q:
    """Build the condition that no case of a collection has an identity.

    A project without identity is not enough: who reads others, too, shares there what they like.
    An empty collection elsewhere says nothing of what its name is about.
    """
    cases = CollectionItem.objects.order_by().filter(collection_id=OuterRef("pk"))
    named = cases.filter(study__is_deidentified=False)
    return ~Q(Exists(named)) & (Q(project__is_deidentified=True) | Q(Exists(cases)))


def editable_collections(user: AnyUser) -> QuerySet[Collection]:
    """Return the collections whose cases the user may add to, order and describe."""
    rows = visible_collections(user)
    plain = Q(project__in=readable_projects(user, EDITING_ROLES).values("pk")) & ~Q(
        kind=Collection.Kind.QUIZ
    )
    quiz = Q(project__in=readable_projects(user, QUIZ_EDITING_ROLES).values("pk"))
    return rows.filter(Q(owner_id=user.pk or 0) | plain | quiz)


def visible_items(user: AnyUser) -> QuerySet[CollectionItem]:
    """Return the items that the user may see, in any collection; nothing that was deleted."""
    rows = CollectionItem.objects.select_related("study__patient", "series", "instance")
    for level in ("study", "series", "instance"):
        rows = rows.exclude(**{f"{level}__withheld": DELETED})
    return rows.filter(visible_series_filter(user, "study_id", "series__"))


def shareable_projects(user: AnyUser) -> QuerySet[Project]:
    """Return where the user may share: projects that they read themselves."""
    readable = readable_projects(user, READING_ROLES)
    return readable.filter(kind=Project.Kind.STANDARD).order_by("name")


def find_collection(user: AnyUser, pk: int) -> Collection:
    """Return a collection that the user may see; absent and hidden are the same."""
    found = visible_collections(user).filter(pk=pk).first()
    if found is None:
        raise NotVisibleError("There is no such collection.")
    return found


def find_editable(user: AnyUser, pk: int) -> Collection:
    """Return a collection, locked, that the user may edit."""
    find_collection(user, pk)
    may = editable_collections(user).filter(pk=pk).exists()
    if not may:
        raise NotAllowedError(gettext("Your role in its project only allows you to look."))
    return Collection.objects.select_for_update().get(pk=pk)


def find_own(user: AnyUser, pk: int) -> Collection:
    """Return a collection, locked, that the user owns."""
    found = find_collection(user, pk)
    if found.owner_id != user.pk:
        raise NotAllowedError(gettext("Only its owner may do this with a collection."))
    return Collection.objects.select_for_update().get(pk=pk)


def require_consent_in(project: Project | None, study_keys: Iterable[int]) -> None:
    """Keep patients who refused research out of what is shared where researchers work.

    Raises
    ------
    ResearchRefusedError
        One of the studies is of such a patient.
    """
    if project is not None and project.is_deidentified and refused_studies(study_keys):
        raise ResearchRefusedError(REFUSED_TEXT)


def may_edit(user: AnyUser, collection: Collection) -> bool:
    """Whether the user may edit a collection that they see."""
    return editable_collections(user).filter(pk=collection.pk).exists()


def exportable_studies(user: AnyUser, study_keys: list[int]) -> set[int]:
    """Return which studies the user may take out: by a role in one of their projects."""
    projects = readable_projects(user, EXPORTING_ROLES).values("pk")
    through = Study.projects.through.objects.filter(
        study_id__in=study_keys, project_id__in=projects
    )
    return set(through.values_list("study_id", flat=True))
