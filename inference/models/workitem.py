from django.conf import settings
from django.db import models
from django.db.models import Q

from archive.models import Project
from inference.models.run import Run


class Workitem(models.Model):
    """A Unified Procedure Step that somebody created, or a run that an outside performer does.

    Runs that our own workers do are shown as workitems without a row here.
    """

    class State(models.TextChoices):
        """Procedure Step State (0074,1000), PS3.4 CC.1.1."""

        SCHEDULED = "SCHEDULED", "Scheduled"
        IN_PROGRESS = "IN PROGRESS", "In progress"
        COMPLETED = "COMPLETED", "Completed"
        CANCELED = "CANCELED", "Canceled"

    sop_instance_uid = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.SCHEDULED)
    # Given by the performer that claimed it; never told again.
    transaction_uid = models.CharField(max_length=64, blank=True)
    # The data set as DICOM JSON (PS3.18 F), without what the columns hold.
    attributes = models.JSONField(default=dict)
    priority = models.CharField(max_length=8, default="MEDIUM")
    procedure_step_label = models.CharField(max_length=64, blank=True)
    worklist_label = models.CharField(max_length=64, blank=True)
    scheduled_start = models.DateTimeField(null=True, blank=True)
    dicom_patient_id = models.CharField(max_length=64, blank=True)
    patient_name = models.CharField(max_length=324, blank=True)
    accession_number = models.CharField(max_length=64, blank=True)
    study_instance_uid = models.CharField(max_length=64, blank=True)
    station_code = models.CharField(max_length=64, blank=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="workitems")
    run = models.OneToOneField(
        Run, null=True, blank=True, on_delete=models.CASCADE, related_name="workitem"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="created_workitems",
    )
    performer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="performed_workitems",
    )
    cancel_reason = models.CharField(max_length=255, blank=True)
    # Until when the claim holds of a performer that says nothing.
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["priority", "scheduled_start"],
                condition=Q(state="SCHEDULED"),
                name="workitem_scheduled_idx",
            ),
            models.Index(fields=["study_instance_uid"], name="workitem_study_idx"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state="IN PROGRESS"),
                name="workitem_lease_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid


class WorkitemSubscription(models.Model):
    """An application entity that wants to be told what becomes of one workitem, or of all."""

    ae_title = models.CharField(max_length=16)
    # Empty for a worklist subscription, global or filtered.
    workitem_uid = models.CharField(max_length=64, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    has_deletion_lock = models.BooleanField(default=False)
    is_suspended = models.BooleanField(default=False)
    subscribed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="workitem_subscriptions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title", "workitem_uid"], name="workitem_subscription_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ae_title} {self.workitem_uid or 'all'}"


class WorkitemEvent(models.Model):
    """What happened to a workitem, to be told to one subscriber (PS3.4 CC.2.4)."""

    subscription = models.ForeignKey(
        WorkitemSubscription, on_delete=models.CASCADE, related_name="events"
    )
    workitem_uid = models.CharField(max_length=64)
    # Event Type ID: 1 state, 2 cancel requested, 3 progress, 4 SCP status, 5 assigned.
    event_type = models.PositiveSmallIntegerField()
    information = models.JSONField(default=dict)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=Q(delivered_at__isnull=True),
                name="workitem_event_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.workitem_uid}"


class WorkitemChannel(models.Model):
    """A WebSocket on which an account's subscriber is told; the newest connection holds it."""

    ae_title = models.CharField(max_length=16)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="workitem_channels"
    )
    holder = models.UUIDField()
    opened_at = models.DateTimeField()
    # Renewed while it is open: after it, what is due goes by DICOM again.
    alive_until = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["ae_title", "account"], name="workitem_channel_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.ae_title} {self.opened_at:%Y-%m-%d %H:%M}"
