"""Figures of retrieval, asked for and read: for radiology admins of the whole archive alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext

from archive.access.selectors import is_site_radiology_admin, require_site_radiology_admin
from archive.audit import services as audit
from inference.models import Calibration, Embedding, EmbeddingSpace, Label, RetrievalEvaluation
from inference.similarity.errors import InvalidQueryError, NotEnoughLabelsError
from inference.similarity.quality.evaluation import LEVELS, evaluate_space
from inference.similarity.spaces.backfill import progress_of
from inference.similarity.spaces.embedder import has_encoder
from inference.similarity.spaces.registry import find_space
from inference.similarity.types import Level

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.spaces.backfill import FillProgress

MAX_LISTED = 500
# How long a measurement may be under way before it may be asked for again.
_PENDING_S = 3600
# How long the page says why a measurement came to nothing.
_REFUSED_S = 600


@dataclass(frozen=True, slots=True)
class LabelSetSummary:
    """A set of labels as a person chooses it."""

    name: str
    number_of_labels: int
    number_of_studies: int


@dataclass(frozen=True, slots=True)
class SpaceQuality:
    """A space with how full it is and its newest evaluations, one a label set and level."""

    space: EmbeddingSpace
    vectors: dict[str, int]
    evaluations: list[RetrievalEvaluation]


@dataclass(frozen=True, slots=True)
class SpaceOverview:
    """A space as a program chooses it; quality and progress only where the asker may know."""

    space: EmbeddingSpace
    has_encoder: bool
    quality: SpaceQuality | None = None
    progress: FillProgress | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Whether a measurement is under way, and what the last one said instead of figures."""

    is_running: bool = False
    refusal: str = ""


def request_evaluation(
    *, asker: Asker, space: str = "", label_set: str, level: Level = Level.SERIES
) -> bool:
    """Have a space measured by a worker.

    Parameters
    ----------
    asker : a radiology admin of the whole archive
    space : its name; the default one where empty
    label_set : by which two objects are alike
    level : instance or series

    Returns
    -------
    False where the same is being measured already.

    Raises
    ------
    NotAllowedError
        The asker is no radiology admin of the whole archive.
    InvalidQueryError
        The level is not measured, or there is no such set of labels.
    UnknownSpaceError
        There is no such space.
    """
    if asker.user is None:
        message = "A measurement is asked for by a person."
        raise InvalidQueryError(message, field="actor")
    require_site_radiology_admin(asker.user)
    found = find_space(space)
    if level not in LEVELS:
        raise InvalidQueryError(
            gettext("Retrieval is measured of instances and series."), field="level"
        )
    if "\x00" in label_set or not Label.objects.filter(label_set=label_set).exists():
        raise InvalidQueryError(gettext("There is no such set of labels."), field="label_set")
    key = _key(found, label_set, level)
    if not cache.add(key, "running", _PENDING_S):
        return False
    cache.delete(_refusal(key))
    details = {"space": found.name, "label_set": label_set, "level": level.value}
    with transaction.atomic():
        audit.record_query(asker, what="evaluate-retrieval", details=details)
        arguments = (found.pk, label_set, level.value, asker.user.pk or 0)
        transaction.on_commit(lambda: _enqueue(arguments))
    return True


def run_evaluation(*, space_id: int, label_set: str, level: str, actor_id: int) -> None:
    """Measure what was asked for; where there are too few labels, keep the reason for a while.

    Parameters
    ----------
    space_id : key of the space; one that is gone is passed over
    label_set : by which
    level : instance or series
    actor_id : key of the account that asked
    """
    space = EmbeddingSpace.objects.filter(pk=space_id).first()
    if space is None:
        return
    key = _key(space, label_set, Level(level))
    actor = get_user_model().objects.filter(pk=actor_id).first()
    try:
        evaluate_space(space, label_set, Level(level), actor)
    except NotEnoughLabelsError as error:
        cache.set(_refusal(key), error.message, _REFUSED_S)
    finally:
        cache.delete(key)


def pending_evaluation(space: EmbeddingSpace, label_set: str, level: Level) -> Pending:
    """Tell whether a measurement is under way.

    Parameters
    ----------
    space : to be measured
    label_set : by which
    level : of the objects

    Returns
    -------
    Its state; the refusal of the last ten minutes where there was one.
    """
    key = _key(space, label_set, level)
    return Pending(
        is_running=cache.get(key) is not None, refusal=str(cache.get(_refusal(key)) or "")
    )


def list_evaluations(
    user: AnyUser,
    *,
    space: str = "",
    label_set: str = "",
    level: str = "",
    limit: int = MAX_LISTED,
) -> list[RetrievalEvaluation]:
    """Return what was measured, newest first.

    Parameters
    ----------
    user : a radiology admin of the whole archive
    space, label_set, level : only of these, where given
    limit : rows at most

    Returns
    -------
    Rows with their spaces.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin of the whole archive.
    """
    require_site_radiology_admin(user)
    rows = RetrievalEvaluation.objects.select_related("space", "actor")
    wanted = {"space__name": space, "label_set": label_set, "level": level}
    if any("\x00" in value for value in wanted.values()):
        return []
    return list(rows.filter(**{name: value for name, value in wanted.items() if value})[:limit])


def list_label_sets(user: AnyUser) -> list[LabelSetSummary]:
    """Return the sets of labels, the largest first.

    Parameters
    ----------
    user : a radiology admin of the whole archive

    Returns
    -------
    One summary a set.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin of the whole archive.
    """
    require_site_radiology_admin(user)
    rows = (
        Label.objects.order_by()
        .values("label_set")
        .annotate(labels=Count("label", distinct=True), studies=Count("study", distinct=True))
    )
    sets = [LabelSetSummary(row["label_set"], row["labels"], row["studies"]) for row in rows]
    return sorted(sets, key=lambda one: (-one.number_of_studies, -one.number_of_labels, one.name))


def quality_of_spaces(user: AnyUser) -> list[SpaceQuality]:
    """Return the spaces with how full they are and what was last measured of them.

    Parameters
    ----------
    user : a radiology admin of the whole archive

    Returns
    -------
    The default space first.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin of the whole archive.
    """
    require_site_radiology_admin(user)
    counts: dict[int, dict[str, int]] = {}
    rows = Embedding.objects.order_by().values_list("space_id", "level").annotate(Count("pk"))
    for space_id, level, number in rows:
        counts.setdefault(space_id, {})[level] = number
    newest: dict[int, list[RetrievalEvaluation]] = {}
    latest = RetrievalEvaluation.objects.order_by("space_id", "label_set", "level", "-pk")
    for row in latest.distinct("space_id", "label_set", "level"):
        newest.setdefault(row.space_id, []).append(row)
    return [
        SpaceQuality(space, counts.get(space.pk, {}), newest.get(space.pk, []))
        for space in EmbeddingSpace.objects.order_by("-is_default", "name")
    ]


def list_space_overviews(user: AnyUser) -> list[SpaceOverview]:
    """Return the spaces as the asker may know them.

    Parameters
    ----------
    user : a radiology admin of the whole archive sees all spaces with counts and figures, others
        those that answer, without: numbers of vectors count cases that they may not see

    Returns
    -------
    The default space first.
    """
    # Without the matrix of a projection, which is large.
    rows = EmbeddingSpace.objects.select_related(
        "model_version", "base_space__model_version", "projection"
    ).defer("projection__matrix")
    rows = rows.order_by("-is_default", "name")
    if not is_site_radiology_admin(user):
        ready = rows.filter(Q(state=EmbeddingSpace.State.READY) | Q(is_default=True))
        return [SpaceOverview(space, has_encoder(space)) for space in ready]
    by_key = {one.space.pk: one for one in quality_of_spaces(user)}
    return [
        SpaceOverview(space, has_encoder(space), by_key.get(space.pk), progress_of(space))
        for space in rows.select_related("fill")
    ]


def list_calibrations(user: AnyUser, space: str) -> list[Calibration]:
    """Return what counts as close in a space.

    Parameters
    ----------
    user : a radiology admin of the whole archive
    space : its name

    Returns
    -------
    Rows by level and modality; that of all modalities has none.

    Raises
    ------
    NotAllowedError
        The user is no radiology admin of the whole archive.
    """
    require_site_radiology_admin(user)
    return list(Calibration.objects.filter(space__name=space))


def _enqueue(arguments: tuple[int, str, str, int]) -> None:
    # The tasks import this module.
    from inference.similarity.tasks import evaluate_space_task  # noqa: PLC0415

    evaluate_space_task.delay(*arguments)


def _key(space: EmbeddingSpace, label_set: str, level: Level) -> str:
    # Names of labels may hold what keys of caches may not.
    return f"evaluation:{space.pk}:{level.value}:{label_set.encode().hex()}"


def _refusal(key: str) -> str:
    return f"{key}:refusal"
