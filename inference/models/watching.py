from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inference.models.model_version import ModelVersion
from inference.models.run import Run


class RunSubscription(models.Model):
    """What a person wants to be told of runs, and how: nothing unless they ask for it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="run_subscription"
    )
    on_done = models.BooleanField(default=False, help_text="Runs that they asked for.")
    on_failed = models.BooleanField(default=False)
    on_critical = models.BooleanField(default=False)
    by_mail = models.BooleanField(default=False)
    webhook_url = models.URLField(max_length=500, blank=True)
    webhook_secret = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"subscription of {self.user_id}"


class RunNotice(models.Model):
    """One message to one person about one run, until it went out."""

    class Kind(models.TextChoices):
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CRITICAL = "critical", _("Critical finding")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="run_notices"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "user", "kind"], name="run_notice_unique"),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(sent_at__isnull=True), name="run_notice_due_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"notice {self.kind} of run {self.run_id}"


class DriftAlarm(models.Model):
    """Inputs or outputs of a model that are no longer what they were."""

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="drift_alarms"
    )
    measure = models.CharField(max_length=64, help_text="What moved: a label's share, an input.")
    reference = models.JSONField(default=dict)
    recent = models.JSONField(default=dict)
    # Of the test that raised it.
    statistic = models.FloatField()
    threshold = models.FloatField()
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="settled_drift_alarms",
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "measure"],
                condition=Q(settled_at__isnull=True),
                name="drift_alarm_open_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"drift of {self.measure}"
