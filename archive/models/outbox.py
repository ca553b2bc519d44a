from django.db import models
from django.db.models import Q


class OutboxEvent(models.Model):
    """What happened, written in the transaction in which it happened, until it is announced."""

    kind = models.CharField(max_length=40)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(published_at__isnull=True), name="outbox_unpublished_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
