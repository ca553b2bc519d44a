from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from inference.models.finding import Finding
from inference.models.run import Run


class ResultReview(models.Model):
    """What a person decided about a run's result, for ever: a later decision is another row."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        EDITED = "edited", _("Accepted with changes")
        REJECTED = "rejected", _("Rejected")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="result_reviews",
    )
    decision = models.CharField(max_length=16, choices=Decision.choices)
    reason = models.CharField(max_length=500, blank=True)
    # [{"finding", "label", "value"}] as the reviewer has them, where edited.
    changes = models.JSONField(default=list, blank=True)
    # Of the verified or corrected object that was stored.
    successor_uid = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["run", "-created_at"], name="result_review_run_idx")]

    def __str__(self) -> str:
        return f"review {self.pk} {self.decision}"


class FindingVerdict(models.Model):
    """What a review said of one finding: the model's words beside the person's."""

    review = models.ForeignKey(ResultReview, on_delete=models.CASCADE, related_name="verdicts")
    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="verdicts")
    is_agreed = models.BooleanField()
    label = models.CharField(max_length=64, blank=True)
    value = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["review", "finding"], name="finding_verdict_unique"),
        ]

    def __str__(self) -> str:
        return f"verdict on finding {self.finding_id}"
