from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models


class AuditEvent(models.Model):
    """Who did what to whose images, when, from where, with which outcome (PS3.15 A.5)."""

    class Action(models.TextChoices):
        CREATE = "C", "Create"
        READ = "R", "Read"
        UPDATE = "U", "Update"
        DELETE = "D", "Delete"
        EXECUTE = "E", "Execute"

    class Outcome(models.IntegerChoices):
        SUCCESS = 0, "Success"
        MINOR_FAILURE = 4, "Minor failure"
        SERIOUS_FAILURE = 8, "Serious failure"

    recorded_at = models.DateTimeField(auto_now_add=True)
    event_id = models.CharField(max_length=8, help_text="DICOM code, PS3.16 CID 400.")
    act = models.CharField(max_length=40)
    action = models.CharField(max_length=1, choices=Action.choices)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, default=Outcome.SUCCESS)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="audit_events",
        db_index=False,  # audit_actor_idx begins with it
    )
    actor_name = models.CharField(max_length=150, blank=True)
    token_hint = models.CharField(max_length=12, blank=True)
    door = models.CharField(max_length=16)
    address = models.GenericIPAddressField(null=True, blank=True)
    study_instance_uid = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["study_instance_uid", "-id"], name="audit_study_idx"),
            models.Index(fields=["actor", "-id"], name="audit_actor_idx"),
            models.Index(fields=["recorded_at"], name="audit_recorded_at_idx"),
            # What is rare in years of records: which stretches can hold it at all.
            BrinIndex(
                fields=["act", "actor_name", "address", "token_hint"],
                name="audit_summary_idx",
                opclasses=["text_bloom_ops", "text_bloom_ops", "inet_bloom_ops", "text_bloom_ops"],
                pages_per_range=64,
                autosummarize=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"


class AuditSeal(models.Model):
    """A link of the chain: a block of records, their digest, and the digest of the seal before."""

    first_event = models.BigIntegerField()
    last_event = models.BigIntegerField()
    number_of_events = models.PositiveIntegerField()
    # SHA-256 of the records in order, and of that with the seal before.
    content_sha256 = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, unique=True)
    previous_sha256 = models.CharField(max_length=64, blank=True)
    # Of each record its distance to the first (4 bytes) and the start of its own digest (8): what
    # names the record that does not fit any more.
    marks = models.BinaryField(default=bytes, db_default=b"")
    sealed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["previous_sha256"], name="audit_seal_one_successor"),
        ]

    def __str__(self) -> str:
        return f"seal {self.pk}"


class AuditDelivery(models.Model):
    """How far the sealed records were sent to a system outside; nothing is skipped."""

    destination = models.CharField(max_length=255, unique=True)
    last_event = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=255, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["destination"]
        verbose_name_plural = "audit deliveries"

    def __str__(self) -> str:
        return f"audit to {self.destination}"
