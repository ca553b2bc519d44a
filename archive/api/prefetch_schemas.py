"""Shapes of prefetch rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.forwarding.prefetch_rules import PrefetchValues

if TYPE_CHECKING:
    from archive.models import PrefetchRule


def _modalities(what: str) -> serializers.ListField:
    child = serializers.CharField(max_length=16)
    return serializers.ListField(child=child, required=False, max_length=50, help_text=what)


class NewPrefetchRuleSchema(serializers.Serializer[Any]):
    """A rule to be: priors that are fetched when a study arrives; empty modalities are all."""

    name = serializers.CharField(max_length=128)
    peer = serializers.IntegerField(min_value=1, help_text="Its id.")
    modalities = _modalities("Of what arrives.")
    prior_modalities = _modalities("Of what is fetched.")
    most_studies = serializers.IntegerField(min_value=1, max_value=50, default=3)
    most_years = serializers.IntegerField(min_value=1, max_value=100, default=5)
    is_enabled = serializers.BooleanField(default=True)


class PrefetchRuleSchema(NewPrefetchRuleSchema):
    id = serializers.IntegerField()


class PrefetchRuleListSchema(serializers.Serializer[Any]):
    results = PrefetchRuleSchema(many=True)


def prefetch_values(values: dict[str, Any]) -> PrefetchValues:
    """Return validated values as a rule."""
    return PrefetchValues(**prefetch_changes(values))


def prefetch_changes(values: dict[str, Any]) -> dict[str, Any]:
    """Return validated values by the names of `PrefetchValues`."""
    lists = {"modalities", "prior_modalities"}
    return {name: tuple(value) if name in lists else value for name, value in values.items()}


def prefetch_rule_json(rule: PrefetchRule) -> dict[str, Any]:
    """Return a rule."""
    plain = ("name", "modalities", "prior_modalities", "most_studies", "most_years", "is_enabled")
    return {"id": rule.pk, "peer": rule.peer_id, **{name: getattr(rule, name) for name in plain}}
