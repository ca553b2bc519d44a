from django.conf import settings
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
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"
