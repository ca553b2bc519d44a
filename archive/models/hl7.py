from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Hl7Message(models.Model):
    """An HL7 v2 message, in or out, its text sealed; what became of it, and when it is tried."""

    class Direction(models.TextChoices):
        IN = "in", _("Received")
        OUT = "out", _("Sent")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        DONE = "done", _("Applied")
        IGNORED = "ignored", _("Nothing to apply")
        FAILED = "failed", _("Failed")
        REJECTED = "rejected", _("Rejected")

    direction = models.CharField(max_length=3, choices=Direction.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    kind = models.CharField(max_length=16, blank=True, help_text="As ADT^A08.")
    control_id = models.CharField(max_length=199, blank=True)
    # Sending application and facility; of what goes out, whom it goes to.
    partner = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    # Empty where what was sent is kept no longer: the row says that it was told.
    sealed_content = models.TextField(blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the message.")
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    # Of the object that a message out speaks of: each is told once.
    subject_uid = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    retried_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retried_messages",
    )

    class Meta:
        ordering = ["-pk"]
        verbose_name = "HL7 message"
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "subject_uid"],
                condition=models.Q(direction="out") & ~models.Q(subject_uid=""),
                name="hl7_message_subject_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "control_id"], name="hl7_message_control_idx"),
            models.Index(
                fields=["not_before"],
                condition=models.Q(state="queued"),
                name="hl7_message_queued_idx",
            ),
            models.Index(fields=["state", "-id"], name="hl7_message_state_idx"),
            models.Index(
                fields=["made_at"],
                condition=~models.Q(sealed_content=""),
                name="hl7_message_kept_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
