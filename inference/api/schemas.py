"""The JSON of the AI's REST door: labels, runs, and what all of its schemas share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.training.labelling import NewLabel

if TYPE_CHECKING:
    from inference.models import Run

UID_LENGTH = 64
RUN_STATES = ["queued", "running", "succeeded", "skipped", "dead", "cancelled"]


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt filter must not become no filter."""

    def to_internal_value(self, data: Any) -> Any:
        """Check for unknown names first."""
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({unknown[0][:64]: ["There is no such field."]})
        return super().to_internal_value(data)


class LabelSchema(StrictSerializer):
    """A label on exactly one object."""

    study = serializers.CharField(required=False, max_length=UID_LENGTH)
    series = serializers.CharField(required=False, max_length=UID_LENGTH)
    instance = serializers.CharField(required=False, max_length=UID_LENGTH)
    label_set = serializers.CharField(max_length=64)
    label = serializers.CharField(max_length=64)  # type: ignore[assignment]
    frame = serializers.IntegerField(
        required=False, min_value=1, help_text="Of the instance, from 1."
    )
    region = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        min_length=4,
        max_length=4,
        help_text="x, y, width, height in pixels of the frame, from its upper left corner.",
    )


class LabelledSchema(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    existing = serializers.IntegerField()


class RunRequestSchema(StrictSerializer):
    """Which model to run on which series."""

    model = serializers.CharField(max_length=100, help_text="`name`, or `name:version`.")
    series = serializers.CharField(max_length=UID_LENGTH, help_text="Series Instance UID.")
    priority = serializers.ChoiceField(
        choices=["routine", "high", "stat"], required=False, default="routine"
    )


class RunSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    model = serializers.CharField()
    version = serializers.CharField()
    series_uid = serializers.CharField()
    state = serializers.ChoiceField(choices=RUN_STATES)
    message = serializers.CharField()
    device = serializers.CharField()


class StudyStatusSchema(serializers.Serializer[Any]):
    """How far the AI is with a study."""

    instances = serializers.IntegerField()
    embedded = serializers.IntegerField(help_text="Instances with a vector in the default space.")
    runs = RunSchema(many=True)
    idle = serializers.BooleanField(help_text="Nothing is queued, running or waiting for it.")


def new_label(values: dict[str, Any]) -> NewLabel:
    """Return validated values as a label."""
    return NewLabel(**{**values, "region": tuple(values.get("region", ()))})


def run_json(run: Run) -> dict[str, Any]:
    """Return a run as the API gives it."""
    return {
        "id": run.pk,
        "model": run.model_version.name,
        "version": run.model_version.version,
        "series_uid": run.series.series_instance_uid,
        "state": run.state,
        "message": run.message,
        "device": run.device,
    }
