from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ModelVersion(models.Model):
    """One version of a model: what it does, where its files lie, by which digest it is known."""

    class Task(models.TextChoices):
        EMBED = "embed", _("Embedding")
        CLASSIFY = "classify", _("Classification")
        SEGMENT = "segment", _("Segmentation")
        DETECT = "detect", _("Detection")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft: runs where somebody asks for it")
        SHADOW = "shadow", _("Shadow: runs on new series, seen by reviewers only")
        ACTIVE = "active", _("Active: runs on new series")
        RETIRED = "retired", _("Retired")

    name = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    task = models.CharField(max_length=16, choices=Task.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
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
    source = models.CharField(
        max_length=500, blank=True, help_text="Where its files came from: an address or a folder."
    )
    licence = models.CharField(max_length=120, blank=True)
    intended_use = models.TextField(blank=True)
    is_diagnostic = models.BooleanField(
        default=False, help_text="Its results need not say: not for diagnostic use."
    )
    # What it may run on: see `inference.bundles.gates`.
    inputs = models.JSONField(default=dict, blank=True)
    # [{"name", "code", "scheme", "meaning"}], coded in SNOMED CT or RadLex.
    labels = models.JSONField(default=list, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    # What registration measured: output shape, seconds, megabytes.
    checks = models.JSONField(default=dict, blank=True)
    card = models.TextField(blank=True, help_text="Model card, Markdown.")
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="registered_models",
    )
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
