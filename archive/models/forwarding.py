from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from archive.models.access import Peer, Project
from archive.models.instance import Instance
from archive.models.study import Study


class ForwardingRule(models.Model):
    """Which arriving instances go on to which peer."""

    name = models.CharField(max_length=128, unique=True)
    is_enabled = models.BooleanField(default=False)
    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="forwarding_rules")
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="forwarding_rules"
    )
    modalities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    # {keyword: value or pattern with * and ?}, all of which hold.
    conditions = models.JSONField(default=dict, blank=True)
    includes_results = models.BooleanField(
        default=True, help_text="Also what models and readers say about the images."
    )
    # Empty: at once. Else only between these hours of the site's clock.
    from_time = models.TimeField(null=True, blank=True)
    until_time = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Forward(models.Model):
    """One instance on its way to one peer; the row is the queue, the record and the proof."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="forwards")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="forwards")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="forwards")
    rule = models.ForeignKey(
        ForwardingRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="forwards"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="forwards",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["peer", "instance"], name="forward_peer_instance_unique"
            ),
        ]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(state="waiting"), name="forward_waiting_idx"
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="sending"), name="forward_sending_idx"
            ),
            models.Index(fields=["state", "-id"], name="forward_state_idx"),
        ]

    def __str__(self) -> str:
        return f"forward {self.pk} {self.state}"


class PrefetchRule(models.Model):
    """Which earlier studies of a patient are fetched from a peer before they are asked for."""

    name = models.CharField(max_length=128, unique=True)
    is_enabled = models.BooleanField(default=False)
    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="prefetch_rules")
    # Of the study or worklist entry that starts it; empty holds for all.
    modalities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    prior_modalities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    most_studies = models.PositiveIntegerField(default=3)
    most_years = models.PositiveIntegerField(default=5)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Fetch(models.Model):
    """A study asked of a peer: by a person, or by a rule for prior studies."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        FETCHING = "fetching", pgettext_lazy("state", "Fetching")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="fetches")
    rule = models.ForeignKey(
        PrefetchRule, null=True, blank=True, on_delete=models.SET_NULL, related_name="fetches"
    )
    # A rule asks about a patient first; the studies found become rows of their own.
    dicom_patient_id = models.CharField(max_length=64, blank=True)
    study_instance_uid = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="fetches",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    number_of_instances = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "fetches"
        constraints = [
            models.UniqueConstraint(
                fields=["peer", "dicom_patient_id", "study_instance_uid"],
                condition=Q(state__in=["waiting", "fetching"]),
                name="fetch_open_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"fetch {self.pk} {self.state}"


class StorageCommitment(models.Model):
    """A peer's request to answer for objects (PS3.4 J), kept until its report has arrived."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        CHECKED = "checked", _("Checked")
        REPORTED = "reported", _("Reported")
        FAILED = "failed", _("Report not delivered")

    transaction_uid = models.CharField(max_length=64, unique=True)
    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, related_name="storage_commitments")
    # [{"sop_class_uid", "sop_instance_uid"}], and of the failed ones also "failure_reason".
    requested = models.JSONField()
    failed = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    reported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=Q(state__in=["requested", "checked"]),
                name="commitment_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.transaction_uid
