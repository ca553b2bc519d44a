"""The JSON of trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from inference.training.selectors import place_in_queue

if TYPE_CHECKING:
    from inference.models import TrainingRun

STATES = ["queued", "running", "succeeded", "failed", "cancelled"]


class TrainingRequestSchema(serializers.Serializer[Any]):
    """A recipe; what is left out is as usual."""

    name = serializers.CharField(max_length=63, help_text="Of the model to be.")
    label_set = serializers.CharField(
        max_length=64, required=False, help_text="Labels to tell apart; or name segments."
    )
    labels = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, help_text="All where empty."
    )
    segments = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        help_text="Structures of the stored SEG objects to segment: labels of segments, or codes"
        " of their properties such as SCT:39607008.",
    )
    masks_by = serializers.CharField(
        max_length=16, required=False, help_text="Whose SEG objects: any, people or models."
    )
    patch_side = serializers.IntegerField(required=False)
    patches_per_volume = serializers.IntegerField(required=False)
    voxel_mm = serializers.FloatField(required=False)
    width = serializers.IntegerField(required=False)
    backbone = serializers.CharField(
        max_length=100, required=False, help_text="lite0, a network, or model:NAME[:VERSION]."
    )
    is_frozen = serializers.BooleanField(required=False)
    is_pretrained = serializers.BooleanField(required=False)
    epochs = serializers.IntegerField(required=False)
    patience = serializers.IntegerField(required=False)
    batch_size = serializers.IntegerField(required=False)
    learning_rate = serializers.FloatField(required=False)
    weight_decay = serializers.FloatField(required=False)
    dropout = serializers.FloatField(required=False)
    schedule = serializers.CharField(max_length=16, required=False)
    has_class_weights = serializers.BooleanField(required=False)
    augmentation = serializers.ListField(child=serializers.CharField(max_length=16), required=False)
    variants = serializers.IntegerField(required=False)
    image_side = serializers.IntegerField(required=False)
    validation_share = serializers.FloatField(required=False)
    test_share = serializers.FloatField(required=False)
    folds = serializers.IntegerField(required=False)
    images_per_series = serializers.IntegerField(required=False)
    seed = serializers.IntegerField(required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)


class TrainingSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    before_it = serializers.IntegerField(
        allow_null=True, help_text="Trainings that come first, where it waits."
    )
    recipe = serializers.DictField()
    progress = serializers.DictField()
    metrics = serializers.DictField()
    message = serializers.CharField()
    device = serializers.CharField()
    model = serializers.CharField(allow_null=True, help_text="What came of it: name:version.")
    requested_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class TrainingListSchema(serializers.Serializer[Any]):
    results = TrainingSchema(many=True)


def training_json(training: TrainingRun) -> dict[str, Any]:
    """Return a training as the API shows it."""
    version = training.model_version
    is_waiting = training.state == "queued"
    return {
        "id": training.pk,
        "name": training.name,
        "state": training.state,
        "before_it": place_in_queue(training) if is_waiting else None,
        "recipe": training.recipe,
        "progress": training.progress,
        "metrics": training.metrics,
        "message": training.message,
        "device": training.device,
        "model": f"{version.name}:{version.version}" if version is not None else None,
        "requested_by": training.created_by.get_username() if training.created_by else None,
        "created_at": training.created_at,
        "started_at": training.started_at,
        "finished_at": training.finished_at,
    }
