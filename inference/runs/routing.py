"""Which models run on a series by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.models import EmbeddingSpace, ModelVersion, RoutingRule
from inference.similarity.spaces.backfill import NOT_IMAGES
from inference.similarity.spaces.embedder import PROJECTION
from inference.similarity.spaces.projections import is_kept_up

if TYPE_CHECKING:
    from archive.models import Series


def is_image_series(series: Series) -> bool:
    """Whether the series holds pictures of a patient."""
    if series.modality in NOT_IMAGES:
        return False
    return series.instances.filter(has_pixel_data=True).exists()


def matching_models(series: Series) -> list[ModelVersion]:
    """Return the promoted versions whose rules match and those of spaces in use, embeddings first.

    A version that makes vectors runs where its space is kept up, whatever else its state.
    """
    if not is_image_series(series):
        return []
    rules = RoutingRule.objects.filter(
        is_enabled=True, model_version__state=ModelVersion.State.ACTIVE
    ).select_related("model_version__embedding_space__fill")
    found = {rule.model_version for rule in rules if rule_matches(rule, series)}
    found = {version for version in found if not has_idle_space(version)}
    found.update(versions_of_spaces())
    return sorted(found, key=lambda version: (_ORDER.index(version.task), version.pk))


def has_idle_space(version: ModelVersion) -> bool:
    """Whether the version's vectors are wanted nowhere now: not filled yet, paused, or retired."""
    space: EmbeddingSpace | None = getattr(version, "embedding_space", None)
    return space is not None and not is_kept_up(space)


def versions_of_spaces() -> set[ModelVersion]:
    """Return the versions that embed images in spaces in use and have no rules of their own."""
    spaces = (
        EmbeddingSpace.objects.filter(model_version__routing_rules__isnull=True)
        .exclude(model_version__state=ModelVersion.State.RETIRED)
        .exclude(model_version__pipeline=PROJECTION)
        .select_related("model_version", "fill")
    )
    return {space.model_version for space in spaces if is_kept_up(space)}


def is_background(version: ModelVersion) -> bool:
    """Whether nobody waits for this version's runs: it makes vectors that aren't searched first."""
    space: EmbeddingSpace | None = getattr(version, "embedding_space", None)
    if space is None or space.is_default:
        return False
    return not space.projected_spaces.filter(is_default=True).exists()


def rule_matches(rule: RoutingRule, series: Series) -> bool:
    """Whether one rule matches one series."""
    described = series.series_description.lower()
    return (
        (not rule.modalities or series.modality in rule.modalities)
        and (not rule.body_parts or series.body_part_examined in rule.body_parts)
        and rule.description_contains.lower() in described
        and series.number_of_series_related_instances >= rule.minimum_instances
    )


_ORDER: list[str] = [ModelVersion.Task.EMBED, ModelVersion.Task.CLASSIFY, ModelVersion.Task.SEGMENT]
