from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from archive.models import Series, Study
from inference.models.model_version import ModelVersion
from inference.models.querysets import RunQuerySet
from inference.models.routing import Priority


class Run(models.Model):
    """One execution of a model version on a series; the row is the claim, the record, the proof."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        SKIPPED = "skipped", _("Not applicable")
        DEAD = "dead", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="runs")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="runs")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="requested_runs",
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    is_background = models.BooleanField(
        default=False, help_text="After everything else, and nobody waits for it."
    )
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.ROUTINE)
    is_shadow = models.BooleanField(default=False, help_text="Its results are for reviewers only.")
    again_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="repeats"
    )
    input_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 over the series' instances, set at the claim."
    )
    attempts = models.PositiveIntegerField(default=0)
    # Workers that were gone with the run unfinished: a case that kills three is set aside.
    worker_deaths = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(help_text="The series may still be arriving until then.")
    lease_until = models.DateTimeField(null=True, blank=True)
    device = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True)
    outputs = models.JSONField(default=dict, blank=True)
    # Seconds by step: read, infer, encode, store.
    timings = models.JSONField(default=dict, blank=True)
    memory_mb = models.FloatField(null=True, blank=True, help_text="Peak of the process.")
    log = models.TextField(blank=True)
    # {SOP Instance UID: SHA-256 of its data set}, at most some thousand.
    inputs = models.JSONField(default=dict, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When a person decided last about its result: written by a trigger (migration 0014).
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "series"],
                condition=Q(state="queued"),
                name="run_queued_unique",
            ),
            models.UniqueConstraint(
                fields=["model_version", "series"],
                condition=Q(state="running"),
                name="run_running_unique",
            ),
            models.UniqueConstraint(
                fields=["model_version", "series", "input_digest"],
                condition=Q(state="succeeded"),
                name="run_succeeded_input_unique",
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(state="queued"), name="run_queued_not_before_idx"
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="running"), name="run_running_lease_idx"
            ),
            models.Index(fields=["id"], condition=Q(state="dead"), name="run_dead_idx"),
            models.Index(
                Coalesce("reviewed_at", "finished_at", "created_at"),
                F("id"),
                condition=Q(state="succeeded"),
                name="run_changed_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} {self.state}"
