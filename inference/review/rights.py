"""Which results a person may review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from archive.models import Study
from archive.models.access import REVIEWING_ROLES
from archive.models.querysets import DELETED, readable_projects
from inference.models import ModelVersion, ResultReview, Run

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser


def reviewable_runs(user: AnyUser) -> QuerySet[Run]:
    """Return the results that the user may review: of each model on each series the newest one.

    Clinicians and radiology admins review in their projects; vectors are nothing to review, and of
    what was deleted nobody is told.
    """
    newer = Run.objects.filter(
        model_version=OuterRef("model_version"),
        series=OuterRef("series"),
        state=Run.State.SUCCEEDED,
        pk__gt=OuterRef("pk"),
    )
    rows = runs_in_review(user).filter(~Exists(newer), state=Run.State.SUCCEEDED)
    rows = rows.exclude(study__withheld=DELETED).exclude(series__withheld=DELETED)
    return rows.exclude(model_version__task=ModelVersion.Task.EMBED)


def runs_in_review(user: AnyUser) -> QuerySet[Run]:
    """Return the runs in the projects in which the user reviews, whatever became of them."""
    if not user.is_authenticated or not user.is_active:
        return Run.objects.none()
    through = Study.projects.through.objects.filter(
        study_id=OuterRef("study_id"), project__in=readable_projects(user, REVIEWING_ROLES)
    )
    return Run.objects.filter(Exists(through))


def last_decision(run_path: str = "pk") -> QuerySet[ResultReview, str]:
    """Return the last decision on a run, as a subquery."""
    rows = ResultReview.objects.filter(run=OuterRef(run_path)).order_by("-pk")
    return rows.values_list("decision", flat=True)[:1]
