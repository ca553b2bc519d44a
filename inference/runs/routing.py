"""Which models run on a series by themselves, how urgently, and for whose eyes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from archive.models import Series, Study
from inference.models import EmbeddingSpace, ModelVersion, Priority, RoutingRule
from inference.similarity.attributes.keywords import wanted_values
from inference.similarity.attributes.rows import fill_attributes
from inference.similarity.spaces.backfill import image_series
from inference.similarity.spaces.embedder import PROJECTION
from inference.similarity.spaces.projections import is_kept_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

# States in which a model runs by itself.
ROUTED = (ModelVersion.State.ACTIVE, ModelVersion.State.SHADOW)


@dataclass(frozen=True)
class WantedRun:
    """A model that is to run on a series."""

    version: ModelVersion
    priority: int = Priority.ROUTINE
    is_shadow: bool = False


def is_image_series(series: Series) -> bool:
    """Whether the series holds pictures of a patient."""
    return image_series().filter(pk=series.pk).exists()


def wanted_runs(series: Series) -> list[WantedRun]:
    """Return the versions whose rules match and those of spaces in use, embeddings first.

    A version that makes vectors runs where its space is kept up, whatever else its state.
    """
    if not is_image_series(series):
        return []
    found = {version: WantedRun(version) for version in versions_of_spaces()}
    for version, rules in _matching_rules(series).items():
        if has_idle_space(version):
            continue
        found[version] = WantedRun(
            version,
            priority=max(rule.priority for rule in rules),
            is_shadow=is_in_shadow(version) or all(rule.is_shadow for rule in rules),
        )
    return sorted(found.values(), key=lambda one: (_ORDER.index(one.version.task), one.version.pk))


def is_in_shadow(version: ModelVersion) -> bool:
    """Whether results of the version are for reviewers only."""
    return version.state == ModelVersion.State.SHADOW


def _matching_rules(series: Series) -> dict[ModelVersion, list[RoutingRule]]:
    found: dict[ModelVersion, list[RoutingRule]] = {}
    rules = list(enabled_rules())
    if any(rule.attributes for rule in rules):
        # A task of its own makes them too; this run must not come before it.
        fill_attributes([series.pk])
    for rule in rules:
        if series_matching(rule).filter(pk=series.pk).exists():
            found.setdefault(rule.model_version, []).append(rule)
    return found


def enabled_rules() -> QuerySet[RoutingRule]:
    """Return the rules that are on, of versions that run by themselves."""
    return (
        RoutingRule.objects.filter(is_enabled=True, model_version__state__in=ROUTED)
        .select_related("model_version__embedding_space__fill")
        .prefetch_related("projects")
    )


def series_matching(rule: RoutingRule) -> QuerySet[Series]:
    """Return the series of the archive that a rule matches: the rule's one meaning.

    Its hours are those in which a series arrived.
    """
    rows = image_series().filter(
        number_of_series_related_instances__gte=max(rule.minimum_instances, 1)
    )
    if rule.modalities:
        rows = rows.filter(modality__in=rule.modalities)
    if rule.body_parts:
        rows = rows.filter(body_part_examined__in=rule.body_parts)
    if rule.description_contains:
        rows = rows.filter(series_description__icontains=rule.description_contains)
    if projects := _projects(rule):
        through = Study.projects.through.objects.filter(project_id__in=projects)
        rows = rows.filter(Exists(through.filter(study_id=OuterRef("study_id"))))
    for condition in (*_attributes(rule), _hours(rule)):
        rows = rows.filter(condition)
    return rows


def _projects(rule: RoutingRule) -> list[int]:
    return [project.pk for project in rule.projects.all()] if rule.pk else []


def _attributes(rule: RoutingRule) -> Iterator[Q]:
    pairs = [(keyword, value) for keyword, values in rule.attributes.items() for value in values]
    for keyword, values in wanted_values(pairs, field="attributes").items():
        condition = Q()
        for value in values:
            condition |= Q(searchable_attributes__values__contains={keyword: [value]})
        yield condition


def _hours(rule: RoutingRule) -> Q:
    after = Q(created_at__time__gte=rule.time_from) if rule.time_from else Q()
    before = Q(created_at__time__lt=rule.time_until) if rule.time_until else Q()
    is_overnight = rule.time_from and rule.time_until and rule.time_from > rule.time_until
    return after | before if is_overnight else after & before


def series_matching_any(rules: Iterable[RoutingRule]) -> Q:
    """Return the condition that a series is matched by one of the rules at least."""
    condition = Q(pk__in=[])
    for rule in rules:
        condition |= Q(pk__in=series_matching(rule).order_by().values("pk"))
    return condition


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


_ORDER: list[str] = [
    ModelVersion.Task.EMBED,
    ModelVersion.Task.CLASSIFY,
    ModelVersion.Task.DETECT,
    ModelVersion.Task.SEGMENT,
]
