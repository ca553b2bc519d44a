"""Routing rules as people make them: tried on the archive before they are switched on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.audit import runs as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Project, Series
from inference.bundles.gates import why_not
from inference.models import ModelVersion, Priority, RoutingRule
from inference.runs.routing import series_matching
from inference.similarity.attributes.keywords import wanted_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# Against so many of the newest series a rule is tried; so many of those that match are shown.
TRIAL_SERIES, TRIAL_SHOWN, TRIAL_GATED = 1000, 12, 100
_MAX_TERMS = 50


@dataclass(frozen=True)
class RuleValues:
    """What a rule says; empty conditions match everything."""

    model: str
    name: str = ""
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    description_contains: str = ""
    minimum_instances: int = 1
    attributes: Mapping[str, list[str]] = field(default_factory=dict)
    projects: tuple[str, ...] = ()
    time_from: time | None = None
    time_until: time | None = None
    priority: int = Priority.ROUTINE
    is_shadow: bool = False


@dataclass(frozen=True)
class Trial:
    """What a rule would have meant for the newest series of the archive.

    ``refused`` are those among the first matching ones (``gated`` of them were asked) that the
    model's intended use excludes, with the reasons.
    """

    looked_at: int
    matching: int
    shown: list[Series]
    gated: int
    refused: int
    reasons: list[str]
    by_modality: list[tuple[str, int]]


def list_rules(user: AnyUser) -> list[RoutingRule]:
    """Return every rule, those of versions in use first."""
    require_site_radiology_admin(user)
    rows = RoutingRule.objects.select_related("model_version", "created_by")
    return list(rows.prefetch_related("projects").order_by("model_version__name", "pk"))


def get_rule(user: AnyUser, rule_id: int) -> RoutingRule:
    """Return one rule; NotVisibleError where there is none."""
    require_site_radiology_admin(user)
    rule = RoutingRule.objects.select_related("model_version").filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def models_to_route() -> QuerySet[ModelVersion]:
    """Return the versions for which a rule can be made."""
    rows = ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED)
    return rows.order_by("name", "-created_at")


def projects_to_route(user: AnyUser) -> list[Project]:
    """Return the projects a rule can be narrowed to."""
    require_site_radiology_admin(user)
    return list(Project.objects.order_by("name"))


def create_rule(*, asker: Asker, values: RuleValues) -> RoutingRule:
    """Make a rule, switched off: it is tried first.

    Raises
    ------
    NotAllowedError
        Only a radiology admin of the whole archive may.
    InvalidRequestError
        A value is not possible, or there is no such model or project.
    """
    user = _admin(asker)
    with transaction.atomic():
        rule = RoutingRule(is_enabled=False, created_by_id=user.pk)
        _write(rule, values)
        audit.record_rule_changed(asker, act="create-rule", rule=rule.pk, details=_told(rule))
    return rule


def change_rule(*, asker: Asker, rule_id: int, values: RuleValues) -> RoutingRule:
    """Change what a rule says; it stays on or off. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        _write(rule, values)
        audit.record_rule_changed(asker, act="change-rule", rule=rule.pk, details=_told(rule))
    return rule


def switch_rule(*, asker: Asker, rule_id: int, is_enabled: bool) -> RoutingRule:
    """Switch a rule on or off. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        rule.is_enabled = is_enabled
        rule.save(update_fields=["is_enabled"])
        act = "enable-rule" if is_enabled else "disable-rule"
        audit.record_rule_changed(asker, act=act, rule=rule.pk, details=_told(rule))
    return rule


def delete_rule(*, asker: Asker, rule_id: int) -> None:
    """Delete a rule; runs that it made stay. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        audit.record_rule_changed(asker, act="delete-rule", rule=rule.pk, details=_told(rule))
        rule.delete()


def try_rule(user: AnyUser, values: RuleValues) -> Trial:
    """Say which of the newest series a rule would have matched; nothing is kept or queued.

    Raises
    ------
    NotAllowedError, InvalidRequestError
        As of `create_rule`.
    """
    require_site_radiology_admin(user)
    with transaction.atomic():
        rule = RoutingRule(is_enabled=False)
        _write(rule, values)
        trial = _trial(rule)
        transaction.set_rollback(True)
    return trial


def try_kept_rule(user: AnyUser, rule_id: int) -> Trial:
    """Say the same of a rule as it is kept; errors as of `get_rule`."""
    return _trial(get_rule(user, rule_id))


def _trial(rule: RoutingRule) -> Trial:
    newest = list(Series.objects.order_by("-pk").values_list("pk", flat=True)[:TRIAL_SERIES])
    matching = series_matching(rule).filter(pk__in=newest).order_by("-pk")
    rows = list(matching.select_related("study__patient", "searchable_attributes")[:TRIAL_GATED])
    reasons = [reason for series in rows if (reason := why_not(rule.model_version, series))]
    counts = matching.order_by().values_list("modality").annotate(n=Count("pk"))
    return Trial(
        looked_at=len(newest),
        matching=matching.count(),
        shown=rows[:TRIAL_SHOWN],
        gated=len(rows),
        refused=len(reasons),
        reasons=sorted(set(reasons), key=reasons.count, reverse=True)[:3],
        by_modality=sorted(counts, key=lambda pair: -pair[1]),
    )


def _admin(asker: Asker) -> Any:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change what runs by itself."))
    require_site_radiology_admin(asker.user)
    return asker.user


def _locked(rule_id: int) -> RoutingRule:
    rows = RoutingRule.objects.select_for_update(of=("self",)).select_related("model_version")
    rule = rows.filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def _write(rule: RoutingRule, values: RuleValues) -> None:
    rule.model_version = _version(values.model)
    rule.name = values.name.strip()[:120]
    rule.modalities = _terms(values.modalities, longest=16)
    rule.body_parts = _terms(values.body_parts, longest=64)
    rule.description_contains = values.description_contains.strip()[:64]
    rule.minimum_instances = max(values.minimum_instances, 1)
    pairs = [(key, value) for key, found in values.attributes.items() for value in found]
    wanted_values(pairs, field="attributes")
    rule.attributes = {key: list(found) for key, found in values.attributes.items() if found}
    if (values.time_from is None) != (values.time_until is None):
        raise InvalidRequestError(gettext("Hours have a beginning and an end."))
    rule.time_from, rule.time_until = values.time_from, values.time_until
    if values.priority not in Priority.values:
        raise InvalidRequestError(gettext("A priority is routine, high or stat."))
    rule.priority = values.priority
    rule.is_shadow = values.is_shadow
    rule.save()
    rule.projects.set(_projects(values.projects))


def _version(model: str) -> ModelVersion:
    name, _, number = model.partition(":")
    rows = models_to_route().filter(name=name)
    version = (rows.filter(version=number) if number else rows).first()
    if version is None:
        raise InvalidRequestError(
            gettext("There is no model %(model)s.") % {"model": repr(model[:100])}
        )
    return version


def _projects(slugs: tuple[str, ...]) -> list[Project]:
    found = list(Project.objects.filter(slug__in=slugs))
    if len(found) < len(set(slugs)):
        raise InvalidRequestError(gettext("There is no such project."))
    return found


def _terms(texts: tuple[str, ...], *, longest: int) -> list[str]:
    terms = sorted({text.strip().upper() for text in texts if text.strip()})
    if len(terms) > _MAX_TERMS or any(len(term) > longest for term in terms):
        raise InvalidRequestError(gettext("One of the conditions is too long."))
    return terms


def _told(rule: RoutingRule) -> dict[str, Any]:
    return {"model": str(rule.model_version), "is_enabled": rule.is_enabled}
