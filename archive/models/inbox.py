from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models.access import Project
from archive.models.blob import Quarantine


class UploadBatch(models.Model):
    """Files that somebody brings through the inbox: sent in pieces, looked at, then stored."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("Receiving")
        EXAMINING = "examining", _("Examining")
        READY = "ready", _("Ready to store")
        STORING = "storing", _("Storing")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_batches"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="upload_batches"
    )
    # Where it came from: the portal, a watched folder, a medium.
    source = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVING)
    is_preview_wanted = models.BooleanField(default=False)
    # Of what is no DICOM: {keyword: value} for the objects that are made of it.
    wrapping = models.JSONField(default=dict, blank=True)
    # What the preview found, and what storing came to: counts, no names of patients.
    preview = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "upload batches"
        indexes = [
            models.Index(
                fields=["state", "lease_until"],
                condition=Q(finished_at__isnull=True),
                name="upload_batch_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"upload {self.pk}"


class UploadFile(models.Model):
    """A file of an upload: how much of it is here, and what became of it."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("Receiving")
        RECEIVED = "received", _("Received")
        STORED = "stored", _("Stored")
        DUPLICATE = "duplicate", _("Already stored")
        QUARANTINED = "quarantined", _("In quarantine")
        REFUSED = "refused", _("Refused")
        UNPACKED = "unpacked", _("Unpacked")
        SKIPPED = "skipped", _("Skipped")

    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="files")
    # The archive or medium that it was inside of.
    container = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="entries"
    )
    # As the person names it, for the report alone: never a path of this machine.
    name = models.CharField(max_length=1024)
    # A name made here, inside the inbox's folder.
    spool_name = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField()
    received_bytes = models.BigIntegerField(default=0)
    # What the browser says about the file, so that the same one goes on after a break.
    fingerprint = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVING)
    kind = models.CharField(max_length=16, blank=True)
    outlook = models.CharField(max_length=32, blank=True, help_text="What the preview expects.")
    reason = models.CharField(max_length=500, blank=True)
    patient_id = models.CharField(max_length=64, blank=True)
    study_instance_uid = models.CharField(max_length=64, blank=True)
    series_instance_uid = models.CharField(max_length=64, blank=True)
    sop_instance_uid = models.CharField(max_length=64, blank=True)
    quarantine = models.ForeignKey(
        Quarantine, null=True, blank=True, on_delete=models.SET_NULL, related_name="upload_files"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["batch", "state"], name="upload_file_state_idx")]

    def __str__(self) -> str:
        return f"file {self.pk}"


class WatchedFolder(models.Model):
    """A folder of this machine whose files are taken in as they appear."""

    class After(models.TextChoices):
        KEEP = "keep", _("Leave them")
        MOVE = "move", _("Move them to the folder done beside it")
        DELETE = "delete", _("Delete them once they are safe here")

    path = models.CharField(max_length=1024, unique=True)
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.PROTECT, related_name="watched_folders"
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="watched_folders",
        help_text="In whose name its files are stored.",
    )
    after = models.CharField(max_length=8, choices=After.choices, default=After.KEEP)
    quiet_seconds = models.PositiveIntegerField(
        default=10, help_text="How long a file must not have changed."
    )
    is_enabled = models.BooleanField(default=True)
    # Files left where they are, by name: {relative path: [size, modification time]}.
    known = models.JSONField(default=dict, blank=True)
    scanned_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["path"]

    def __str__(self) -> str:
        return f"folder {self.pk}"
