"""The JSON of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.api.schemas import StrictSerializer

if TYPE_CHECKING:
    from inference.bundles.types import ModelSummary

_STATES = ("draft", "shadow", "active", "retired")
_TASKS = ("embed", "classify", "segment", "detect")


class ModelQuerySchema(StrictSerializer):
    """Which models to list."""

    state = serializers.ChoiceField(choices=_STATES, required=False)
    task = serializers.ChoiceField(choices=_TASKS, required=False)


class ModelSchema(serializers.Serializer[Any]):
    """One version of a model; digest and origin for radiology admins of the whole archive."""

    name = serializers.CharField()
    version = serializers.CharField()
    task = serializers.ChoiceField(choices=_TASKS)
    state = serializers.ChoiceField(choices=_STATES)
    pipeline = serializers.CharField()
    description = serializers.CharField()
    intended_use = serializers.CharField()
    notice = serializers.CharField(help_text="What every result says; may be empty.")
    licence = serializers.CharField()
    inputs = serializers.DictField(help_text="What it may run on.")
    labels = serializers.ListField(child=serializers.DictField())
    metrics = serializers.DictField()
    checks = serializers.DictField(help_text="What registration measured.")
    trust_needed = serializers.ListField(
        child=serializers.CharField(), help_text="Why it may not run until it is trusted."
    )
    is_trusted = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    digest = serializers.CharField(required=False)
    origin = serializers.CharField(required=False)


class ModelListSchema(serializers.Serializer[Any]):
    results = ModelSchema(many=True)


class ModelDetailSchema(serializers.Serializer[Any]):
    """A model with its versions, the newest first, and the card of each."""

    name = serializers.CharField()
    versions = ModelSchema(many=True)
    cards = serializers.DictField(child=serializers.CharField(), help_text="Markdown, by version.")


def model_json(model: ModelSummary) -> dict[str, Any]:
    """Return a version as the API gives it."""
    told: dict[str, Any] = {
        "name": model.name,
        "version": model.version,
        "task": model.task,
        "state": model.state,
        "pipeline": model.pipeline,
        "description": model.description,
        "intended_use": model.intended_use,
        "notice": model.notice,
        "licence": model.licence,
        "inputs": dict(model.inputs),
        "labels": [dict(label) for label in model.labels],
        "metrics": dict(model.metrics),
        "checks": dict(model.checks),
        "trust_needed": list(model.trust_needed),
        "is_trusted": model.is_trusted,
        "created_at": model.created_at.isoformat(),
    }
    if model.digest:
        told |= {"digest": model.digest, "origin": model.source}
    return told
