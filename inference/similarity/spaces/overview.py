"""Every space at a glance: where it comes from, how far it is, how well it finds, what may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count
from django.utils.translation import gettext

from inference.models import Embedding, EmbeddingSpace, Projection, RetrievalEvaluation
from inference.similarity.spaces.backfill import FillProgress, progress_of
from inference.similarity.spaces.lifecycle import promotion_to_undo
from inference.similarity.spaces.registry import space_provenance

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

_State = EmbeddingSpace.State
# What the overview shows of an evaluation: [mean, low, high] each.
_HEADLINES = (("P@1", "p_at_1"), ("P@10", "p_at_10"), ("mAP", "map"))


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure of the last evaluation with its 95 % interval, which few patients have none of."""

    name: str
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceOverview:
    """One space as an admin sees it; `can_*` say which acts its state allows."""

    name: str
    state: str
    state_words: str
    is_default: bool
    kind: str
    description: str
    provenance: dict[str, str | int]
    vectors: int
    progress: FillProgress | None
    label_sets: tuple[str, ...]
    fitted_on: int
    headlines: tuple[Headline, ...]
    evaluated_by: str
    evaluated_at: datetime | None

    @property
    def metric(self) -> str:
        """What compares its vectors, in words."""
        label = str(EmbeddingSpace.Metric(str(self.provenance["metric"])).label)
        return label if label.startswith("Bhattacharyya") else label.lower()

    @property
    def is_paused(self) -> bool:
        """Being filled, but not now."""
        return self.is_filling and self.progress is not None and self.progress.is_paused

    @property
    def is_filling(self) -> bool:
        """Being filled, or paused on the way."""
        return self.state == _State.FILLING

    @property
    def can_fill(self) -> bool:
        """Not filled, or not going on."""
        return self.state in {_State.REGISTERED, _State.RETIRED} or self.is_paused

    @property
    def can_pause(self) -> bool:
        """Being filled now."""
        return self.is_filling and not self.is_paused

    @property
    def can_promote(self) -> bool:
        """Ready, and not the one that is searched."""
        return self.state == _State.READY and not self.is_default

    @property
    def can_retire(self) -> bool:
        """In use, and not the one that is searched; what is made from it may forbid it still."""
        return self.state != _State.RETIRED and not self.is_default

    @property
    def can_be_base(self) -> bool:
        """Vectors are there, of images and not of other vectors."""
        return self.state == _State.READY and "base" not in self.provenance


def describe_spaces() -> list[SpaceOverview]:
    """Return all spaces: the default one first, then by state and name.

    Returns
    -------
    One overview a space. Counts are of instances with a vector.
    """
    rows = Embedding.objects.filter(level=Embedding.Level.INSTANCE).order_by()
    counts = dict(rows.values_list("space").annotate(Count("pk")))
    latest = {row.space_id: row for row in RetrievalEvaluation.objects.order_by("created_at", "pk")}
    found = [_describe(space, counts.get(space.pk, 0), latest.get(space.pk)) for space in _spaces()]
    order = [_State.READY, _State.FILLING, _State.REGISTERED, _State.RETIRED]
    return sorted(
        found, key=lambda one: (not one.is_default, order.index(_State(one.state)), one.name)
    )


def describe_space(name: str) -> SpaceOverview | None:
    """Return one space; cheap, for a page that asks again and again.

    Parameters
    ----------
    name : of the space

    Returns
    -------
    Its vectors as counted last, without an evaluation; None where there is no such space.
    """
    space = _spaces().filter(name=name).first() if "\x00" not in name else None
    if space is None:
        return None
    progress = progress_of(space)
    return _describe(space, progress.images_done if progress else 0, None)


def space_of_model(name: str, version: str = "") -> str:
    """Return the name of the space that a model version makes, or that is called so itself.

    Parameters
    ----------
    name : of a model, or of a space
    version : of the model; its newest where empty

    Returns
    -------
    Empty where the model makes no vectors.
    """
    spaces = EmbeddingSpace.objects.filter(model_version__name=name)
    if version:
        spaces = spaces.filter(model_version__version=version)
    space = spaces.order_by("-model_version__created_at").first()
    if space is None and not version:
        space = EmbeddingSpace.objects.filter(name=name).first()
    return space.name if space is not None else ""


def rollback_target() -> str:
    """Return the name of the space that a rollback would go back to.

    Returns
    -------
    Empty where no space was searched before.
    """
    undone = promotion_to_undo()
    former = undone.previous_space if undone is not None else None
    return former.name if former is not None and former.state == _State.READY else ""


def _spaces() -> QuerySet[EmbeddingSpace]:
    return (
        EmbeddingSpace.objects.select_related("model_version", "fill", "base_space", "projection")
        .defer("projection__matrix", "random_pair_quantiles")
        .order_by("name")
    )


def _describe(
    space: EmbeddingSpace, vectors: int, evaluation: RetrievalEvaluation | None
) -> SpaceOverview:
    projection: Projection | None = space.projection
    return SpaceOverview(
        name=space.name,
        state=space.state,
        state_words=space.get_state_display(),
        is_default=space.is_default,
        kind=projection.get_kind_display() if projection else _kind(space),
        description=space.model_version.description,
        provenance=space_provenance(space),
        vectors=vectors,
        progress=progress_of(space),
        label_sets=tuple(projection.label_sets) if projection else (),
        fitted_on=projection.number_of_vectors if projection else 0,
        headlines=_headlines(evaluation.figures.get("all", {})) if evaluation else (),
        evaluated_by=evaluation.label_set if evaluation else "",
        evaluated_at=evaluation.created_at if evaluation else None,
    )


def _headlines(cell: dict[str, Any]) -> tuple[Headline, ...]:
    return tuple(
        Headline(name, *cell[key])
        for name, key in _HEADLINES
        if key in cell and cell[key][0] is not None
    )


def _kind(space: EmbeddingSpace) -> str:
    return (
        gettext("Classical descriptor")
        if space.model_version.pipeline == "descriptor"
        else gettext("Learned network")
    )
