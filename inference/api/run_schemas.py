"""The JSON of runs and routing rules at the REST door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.api.schemas import UID_LENGTH, StrictSerializer, run_json
from inference.runs.rules import RuleValues

if TYPE_CHECKING:
    from inference.models import RoutingRule
    from inference.runs.overview import RunLine
    from inference.runs.rules import Trial

URGENCIES = {"routine": 0, "high": 5, "stat": 9}
_WORDS = {number: word for word, number in URGENCIES.items()}


class RunFilterSchema(StrictSerializer):
    """Which runs to list."""

    state = serializers.CharField(required=False, max_length=16)
    model = serializers.CharField(required=False, max_length=64)
    study = serializers.CharField(required=False, max_length=UID_LENGTH)
    own = serializers.BooleanField(required=False, default=False)
    before = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="Only runs with a smaller id."
    )
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)


class RunAgainSchema(StrictSerializer):
    """What to run again: the same model where no version is named."""

    version = serializers.CharField(
        required=False, max_length=120, help_text="Of the same model, or `name:version`."
    )


class RunDetailSchema(serializers.Serializer[Any]):
    """A run with its course."""

    id = serializers.IntegerField()
    model = serializers.CharField()
    version = serializers.CharField()
    study_uid = serializers.CharField()
    series_uid = serializers.CharField()
    state = serializers.CharField()
    message = serializers.CharField()
    device = serializers.CharField()
    priority = serializers.ChoiceField(choices=list(URGENCIES))
    is_shadow = serializers.BooleanField()
    requested_by = serializers.CharField()
    place = serializers.IntegerField(allow_null=True, help_text="In the queue, from 1.")
    begins_in_s = serializers.FloatField(allow_null=True, help_text="About.")
    expected_s = serializers.FloatField(allow_null=True, help_text="As its last runs took.")
    attempts = serializers.IntegerField()
    worker_deaths = serializers.IntegerField()
    again_of = serializers.IntegerField(allow_null=True)
    input_digest = serializers.CharField()
    inputs = serializers.DictField(
        child=serializers.CharField(), help_text="SOP Instance UID: SHA-256 of its data set."
    )
    outputs = serializers.DictField(child=serializers.JSONField())
    timings = serializers.DictField(child=serializers.FloatField())
    memory_mb = serializers.FloatField(allow_null=True)
    log = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunListSchema(serializers.Serializer[Any]):
    results = RunDetailSchema(many=True)


def run_detail_json(line: RunLine, *, is_full: bool = True) -> dict[str, Any]:
    """Return a run with its course; a list leaves inputs and log out."""
    run = line.run
    return {
        **run_json(run),
        "study_uid": run.study.study_instance_uid,
        "priority": _WORDS.get(run.priority, "routine"),
        "is_shadow": run.is_shadow,
        "requested_by": run.requested_by.get_username() if run.requested_by else "",
        "place": line.place,
        "begins_in_s": line.begins_in_s,
        "expected_s": line.expected_s,
        "attempts": run.attempts,
        "worker_deaths": run.worker_deaths,
        "again_of": run.again_of_id,
        "input_digest": run.input_digest,
        "inputs": run.inputs if is_full else {},
        "outputs": run.outputs,
        "timings": run.timings,
        "memory_mb": run.memory_mb,
        "log": run.log if is_full else "",
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


class RuleSchema(StrictSerializer):
    """A routing rule; empty conditions match everything."""

    model = serializers.CharField(max_length=100, help_text="`name:version`")
    name = serializers.CharField(required=False, max_length=120, allow_blank=True, default="")
    modalities = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, default=list, max_length=50
    )
    body_parts = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, default=list, max_length=50
    )
    description_contains = serializers.CharField(
        required=False, max_length=64, allow_blank=True, default=""
    )
    minimum_instances = serializers.IntegerField(
        required=False, min_value=1, max_value=100_000, default=1
    )
    attributes = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=64), max_length=50),
        required=False,
        default=dict,
        help_text="DICOM keyword: values, of which one is enough.",
    )
    projects = serializers.ListField(
        child=serializers.SlugField(max_length=64), required=False, default=list, max_length=200
    )
    time_from = serializers.TimeField(required=False, allow_null=True, default=None)
    time_until = serializers.TimeField(required=False, allow_null=True, default=None)
    priority = serializers.ChoiceField(choices=list(URGENCIES), required=False, default="routine")
    is_shadow = serializers.BooleanField(required=False, default=False)


class KeptRuleSchema(RuleSchema):
    """A rule that is kept, with whether it is on."""

    id = serializers.IntegerField()
    is_enabled = serializers.BooleanField()


class RuleListSchema(serializers.Serializer[Any]):
    results = KeptRuleSchema(many=True)


class SwitchSchema(StrictSerializer):
    """On or off."""

    is_enabled = serializers.BooleanField()


class TrialSchema(serializers.Serializer[Any]):
    """What a rule would have matched among the newest series."""

    looked_at = serializers.IntegerField()
    matching = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="By the model's intended use, of `gated`.")
    gated = serializers.IntegerField()
    reasons = serializers.ListField(child=serializers.CharField())
    series = serializers.ListField(child=serializers.CharField())


def rule_values(values: dict[str, Any]) -> RuleValues:
    """Return validated values as a rule."""
    tuples = {key: tuple(values[key]) for key in ("modalities", "body_parts", "projects")}
    return RuleValues(**{**values, **tuples, "priority": URGENCIES[values["priority"]]})


def rule_json(rule: RoutingRule) -> dict[str, Any]:
    """Return a kept rule as the API gives it."""
    return {
        "id": rule.pk,
        "is_enabled": rule.is_enabled,
        "model": f"{rule.model_version.name}:{rule.model_version.version}",
        "name": rule.name,
        "modalities": rule.modalities,
        "body_parts": rule.body_parts,
        "description_contains": rule.description_contains,
        "minimum_instances": rule.minimum_instances,
        "attributes": rule.attributes,
        "projects": [project.slug for project in rule.projects.all()],
        "time_from": rule.time_from,
        "time_until": rule.time_until,
        "priority": _WORDS.get(rule.priority, "routine"),
        "is_shadow": rule.is_shadow,
    }


def trial_json(trial: Trial) -> dict[str, Any]:
    """Return what a rule would have meant."""
    return {
        "looked_at": trial.looked_at,
        "matching": trial.matching,
        "refused": trial.refused,
        "gated": trial.gated,
        "reasons": trial.reasons,
        "series": [series.series_instance_uid for series in trial.shown],
    }
