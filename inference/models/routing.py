from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from archive.models import Project
from inference.models.model_version import ModelVersion


class Priority(models.IntegerChoices):
    """How urgent a run is; higher ones start first."""

    ROUTINE = 0, _("Routine")
    HIGH = 5, pgettext_lazy("urgency", "High")
    STAT = 9, pgettext_lazy("urgency", "Stat")


class RoutingRule(models.Model):
    """Which series a model version runs on by itself: empty conditions match everything."""

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="routing_rules"
    )
    name = models.CharField(max_length=120, blank=True)
    modalities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    body_parts = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    description_contains = models.CharField(max_length=64, blank=True)
    minimum_instances = models.PositiveIntegerField(default=1)
    # {keyword: [values]}: one image or other of the series has one of them.
    attributes = models.JSONField(default=dict, blank=True)
    projects = models.ManyToManyField(Project, blank=True, related_name="routing_rules")
    # Local time; a rule from 20:00 until 06:00 holds at night.
    time_from = models.TimeField(null=True, blank=True)
    time_until = models.TimeField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.ROUTINE)
    is_shadow = models.BooleanField(
        default=False, help_text="Results of these runs are for reviewers only."
    )
    is_enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="routing_rules",
    )
    created_at = models.DateTimeField(auto_now_add=True, null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.model_version} on {', '.join(self.modalities) or 'any modality'}"
