"""Runs and findings inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext

from archive.access.once import once
from archive.errors import NotVisibleError
from archive.events.selectors import waiting_for_study
from archive.models import Study
from archive.models.access import REVIEWING_ROLES
from archive.models.prepared import Prepared
from archive.models.querysets import DELETED, readable_projects, visible_studies_filter
from inference.errors import ModelRetiredError
from inference.models import Finding, ModelVersion, Run
from inference.models.querysets import on_trial
from inference.similarity.words.series_words import has_stale_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

_OPEN = (Run.State.QUEUED, Run.State.RUNNING)


def visible_runs(user: AnyUser) -> QuerySet[Run]:
    """Return the runs whose study the user sees, those in shadow where they review results.

    Runs in shadow: of a rule that says so, or of a version that is only tried out. Runs on what
    was deleted are seen again when that is undone.
    """
    shown = Run.objects.exclude(study__withheld=DELETED).exclude(series__withheld=DELETED)
    reviewed = Study.projects.through.objects.filter(
        study_id=OuterRef("study_id"), project__in=readable_projects(user, REVIEWING_ROLES)
    )
    return shown.filter(visible_studies_filter(user, "study_id")).filter(
        ~on_trial() | Exists(reviewed)
    )


_STATES = Prepared(
    lambda user, uids: (
        visible_runs(user)
        .filter(study__study_instance_uid__in=uids, is_background=False)
        .order_by("series_id", "model_version_id", "-pk")
        .distinct("series_id", "model_version_id")
        .values_list("study__study_instance_uid", "state")
    )
)
_STUDY = Prepared(
    lambda user, uid: Study.objects.visible_to(user).filter(study_instance_uid=uid), is_exact=True
)
_OPEN_RUN = Prepared(
    lambda _, study: (
        Run.objects.filter(study_id=study, state__in=_OPEN, is_background=False)
        .order_by()
        .values_list("pk")[:1]
    )
)
_RUNS = Prepared(
    lambda user, study: (
        visible_runs(user)
        .filter(study_id=study, is_background=False)
        .select_related("model_version", "series")
        .order_by("-pk")
    )
)


def find_run(user: AnyUser, run_id: int) -> Run:
    """Return one run; NotVisibleError outside the rights."""
    rows = visible_runs(user).select_related(
        "model_version", "series", "study", "requested_by", "again_of"
    )
    run = rows.filter(pk=run_id).first()
    if run is None:
        raise NotVisibleError("There is no such run.")
    return run


@once
def _study(user: AnyUser, study_uid: str) -> Study:
    study: Study | None = _STUDY.first(user, uid=study_uid)
    if study is None:
        raise NotVisibleError("There is no such study.")
    return study


def runs_of_study(user: AnyUser, study_uid: str) -> list[Run]:
    """Return the study's runs, the newest first; NotVisibleError outside the rights.

    What fills other embedding spaces in the background is no news about the study.
    """
    return _RUNS(user, study=_study(user, study_uid).pk)


def findings_of_study(user: AnyUser, study_uid: str) -> QuerySet[Finding]:
    """Return what the newest successful runs of each model state about the study's series.

    What a person rejected is left out.
    """
    study = _study(user, study_uid)
    newest = (
        visible_runs(user)
        .filter(study=study, state=Run.State.SUCCEEDED)
        .order_by("series_id", "model_version_id", "-pk")
        .distinct("series_id", "model_version_id")
        .values("pk")
    )
    return (
        Finding.objects.filter(run__in=newest)
        .exclude(review=Finding.Review.REJECTED)
        .select_related("run__model_version", "series")
        .order_by("series_id", "run_id", "pk")
    )


def findings_of_run(user: AnyUser, run: Run) -> QuerySet[Finding]:
    """Return what one run states; nothing where the user doesn't see the run."""
    return Finding.objects.filter(run__in=visible_runs(user).filter(pk=run.pk)).order_by("pk")


def run_states_of_studies(user: AnyUser, study_uids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count each study's runs by state, the newest run of a model on a series alone.

    A study without runs, or outside the rights, is left out.
    """
    counts: dict[str, dict[str, int]] = {}
    for study_uid, state in _STATES(user, uids=study_uids):
        states = counts.setdefault(study_uid, {})
        states[state] = states.get(state, 0) + 1
    return counts


def is_study_idle(user: AnyUser, study_uid: str) -> bool:
    """Whether nothing is queued, running or waiting to be announced for the study, or to be found.

    The background is not asked: an embedding space that is being filled keeps no study busy.
    """
    study = _study(user, study_uid)
    is_open = bool(_OPEN_RUN(None, study=study.pk))
    return not (is_open or waiting_for_study(study.pk) or has_stale_words(study.pk))


def open_run_count() -> int:
    """How many runs are queued or running in the whole archive."""
    return Run.objects.filter(state__in=_OPEN).count()


def model_versions() -> QuerySet[ModelVersion]:
    """Return all registered model versions, by name, the newest first."""
    return ModelVersion.objects.prefetch_related("routing_rules").order_by("name", "-created_at")


def find_version(model: str) -> ModelVersion:
    """Return the newest version of a model, or the one named as ``name:version``.

    Raises
    ------
    NotVisibleError
        There is none.
    ModelRetiredError
        All that there are of this name are retired.
    """
    name, _, number = model.partition(":")
    versions = ModelVersion.objects.filter(name=name).order_by("-created_at")
    if number:
        versions = versions.filter(version=number)
    version = versions.exclude(state=ModelVersion.State.RETIRED).first() or versions.first()
    if version is None:
        raise NotVisibleError(f"There is no model {model!r}.")
    require_in_use(version)
    return version


def require_in_use(version: ModelVersion) -> None:
    """Raise ModelRetiredError where the version is retired; every account may read of its state."""
    if version.state == ModelVersion.State.RETIRED:
        raise ModelRetiredError(
            gettext("The model %(model)s is retired.") % {"model": str(version)}
        )
