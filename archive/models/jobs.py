from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class BulkJob(models.Model):
    """One act on many studies, asked for by a person: one step at a time, to be cancelled."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_jobs"
    )
    act = models.CharField(max_length=32)
    options = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    number_of_items = models.PositiveIntegerField(default=0)
    number_done = models.PositiveIntegerField(default=0)
    number_failed = models.PositiveIntegerField(default=0)
    is_cancel_requested = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    # A file made by it, in the exports' folder, until then.
    result_name = models.CharField(max_length=64, blank=True)
    result_bytes = models.BigIntegerField(default=0)
    result_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["user", "-id"], name="bulk_job_user_idx"),
            models.Index(
                fields=["lease_until"],
                condition=Q(finished_at__isnull=True),
                name="bulk_job_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"job {self.act} {self.pk}"


class BulkItem(models.Model):
    """A study of a job and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="items")
    study_instance_uid = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "study_instance_uid"], name="bulk_item_study_unique"
            ),
        ]
        indexes = [models.Index(fields=["job", "state"], name="bulk_item_state_idx")]

    def __str__(self) -> str:
        return f"item {self.pk}"
