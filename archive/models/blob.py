from django.conf import settings
from django.db import models
from django.db.models import Q


class Blob(models.Model):
    """Bytes in the blob store, addressed by their SHA-256."""

    class State(models.TextChoices):
        STORED = "stored", "Stored"
        MISSING = "missing", "Missing"
        DAMAGED = "damaged", "Damaged"

    sha256 = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.STORED)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(size_bytes__gte=0), name="blob_size_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["state", "id"],
                condition=Q(state__in=["missing", "damaged"]),
                name="blob_problem_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class Quarantine(models.Model):
    """Something that came and could not be archived, with its reason; nothing is dropped."""

    reason_code = models.CharField(max_length=40)
    reason = models.TextField()
    door = models.CharField(max_length=16)
    source = models.CharField(max_length=255, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="quarantined",
    )
    project = models.ForeignKey(
        "archive.Project",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="quarantined",
    )
    original_name = models.CharField(max_length=255, blank=True)
    sop_instance_uid = models.CharField(max_length=128, blank=True)
    study_instance_uid = models.CharField(max_length=128, blank=True)
    blob = models.ForeignKey(
        Blob, null=True, blank=True, on_delete=models.PROTECT, related_name="quarantines"
    )
    size_bytes = models.BigIntegerField(default=0)
    received_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(
                fields=["-received_at"],
                condition=Q(resolved_at__isnull=True),
                name="quarantine_open_idx",
            ),
        ]
        constraints = [
            # The same bytes refused again for the same reason are one entry, not many.
            models.UniqueConstraint(
                fields=["blob", "reason_code"],
                condition=Q(resolved_at__isnull=True, blob__isnull=False),
                name="quarantine_open_blob_reason_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason_code} {self.original_name}"
