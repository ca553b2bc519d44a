"""Which results and labels everybody reads: none on trial, none that was rejected or deleted."""

from __future__ import annotations

from typing import Any, Self

from django.db.models import OuterRef, Q, QuerySet, Subquery


def on_trial(run_path: str = "") -> Q:
    """Build the condition that a run is for reviewers alone.

    Parameters
    ----------
    run_path
        lookup path from the filtered model to the run: empty, or ending in two underscores
    """
    return Q(**{f"{run_path}is_shadow": True}) | Q(**{f"{run_path}model_version__state": "shadow"})


class RunQuerySet(QuerySet[Any]):
    """Runs that know whose results count."""

    def standing(self) -> Self:
        """Keep the successful runs whose results everybody reads who sees the study."""
        from inference.models.review import ResultReview  # noqa: PLC0415 reviews are of runs

        decisions = ResultReview.objects.filter(run=OuterRef("pk")).order_by("-pk")
        rows = self.filter(state="succeeded").exclude(on_trial())
        rows = rows.alias(last_decision=Subquery(decisions.values("decision")[:1]))
        return rows.filter(
            Q(last_decision__isnull=True) | ~Q(last_decision=ResultReview.Decision.REJECTED)
        )


class LabelQuerySet(QuerySet[Any]):
    """Labels that know what they are on."""

    def on_kept(self) -> Self:
        """Leave out the labels of series and instances that are deleted."""
        return self.exclude(
            Q(series__withheld="deleted")
            | Q(instance__withheld="deleted")
            | Q(instance__series__withheld="deleted")
        )

    def on_shown(self) -> Self:
        """Leave out those of series on trial, too, which are for reviewers alone."""
        return self.on_kept().exclude(
            Q(series__withheld="trial") | Q(instance__series__withheld="trial")
        )


class FindingQuerySet(QuerySet[Any]):
    """Findings that know which of them count."""

    def standing(self) -> Self:
        """Keep the statements that everybody reads who sees the study."""
        rows = self.filter(run__state="succeeded").exclude(on_trial("run__"))
        return rows.exclude(review="rejected")
