"""Which models run on a series by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.models import ModelVersion, RoutingRule

if TYPE_CHECKING:
    from archive.models import Series

# Objects about images rather than images: results, reports, plans, presentation states.
NOT_IMAGES = frozenset(
    {"SEG", "SR", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "FID", "RWV", "AU"}
)


def is_image_series(series: Series) -> bool:
    """Whether the series holds pictures of a patient."""
    if series.modality in NOT_IMAGES:
        return False
    return series.instances.filter(has_pixel_data=True).exists()


def matching_models(series: Series) -> list[ModelVersion]:
    """Return the promoted model versions whose rules match the series, embeddings first."""
    if not is_image_series(series):
        return []
    rules = RoutingRule.objects.filter(
        is_enabled=True, model_version__state=ModelVersion.State.PROMOTED
    ).select_related("model_version")
    found = {rule.model_version for rule in rules if rule_matches(rule, series)}
    return sorted(found, key=lambda version: (_ORDER.index(version.task), version.pk))


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
