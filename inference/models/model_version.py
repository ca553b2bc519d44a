from django.contrib.postgres.fields import ArrayField
from django.db import models


class ModelVersion(models.Model):
    """One version of a model: what it does, where its files lie, by which digest it is known."""

    class Task(models.TextChoices):
        EMBED = "embed", "Embedding"
        CLASSIFY = "classify", "Classification"
        SEGMENT = "segment", "Segmentation"

    class State(models.TextChoices):
        REGISTERED = "registered", "Registered"
        PROMOTED = "promoted", "Promoted: runs on new series"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    task = models.CharField(max_length=16, choices=Task.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.REGISTERED)
    pipeline = models.CharField(
        max_length=32, help_text="Which pipeline runs it: lite0, linear_head, ct_threshold, bundle."
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 over the model's files.")
    bundle_path = models.CharField(max_length=500, blank=True)
    config = models.JSONField(default=dict, blank=True)
    is_trusted = models.BooleanField(
        default=False, help_text="An admin allowed this digest's scripts and expressions to run."
    )
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"], name="model_version_name_version_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class RoutingRule(models.Model):
    """Which series a model version runs on by itself: empty lists match everything."""

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="routing_rules"
    )
    modalities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    body_parts = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    description_contains = models.CharField(max_length=64, blank=True)
    minimum_instances = models.PositiveIntegerField(default=1)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.model_version} on {', '.join(self.modalities) or 'any modality'}"
