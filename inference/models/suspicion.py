from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from archive.models import Series


class Suspicion(models.Model):
    """Something that pixels say and the records don't: for the radiology admin to look at."""

    class Kind(models.TextChoices):
        NEAR_DUPLICATE = "near_duplicate", _("The same image under two patients")
        CONTRADICTION = "contradiction", _("The pixels contradict the body part or modality")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("not decided", "Open")
        CONFIRMED = "confirmed", _("Confirmed")
        DISMISSED = "dismissed", _("Dismissed")

    kind = models.CharField(max_length=16, choices=Kind.choices)
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="suspicions")
    # The twin under another patient; the one with the greater key.
    other_series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.CASCADE, related_name="other_suspicions"
    )
    score = models.FloatField(help_text="Cosine of the twins, or probability of the contradiction.")
    # Instances, frames, verified keypoints; expected and stated words.
    evidence = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="resolved_suspicions",
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "series", "other_series"],
                nulls_distinct=False,
                name="suspicion_kind_series_unique",
            ),
            models.CheckConstraint(
                condition=Q(kind="near_duplicate", other_series__isnull=False)
                | Q(kind="contradiction", other_series__isnull=True),
                name="suspicion_kind_matches_series",
            ),
        ]
        indexes = [
            models.Index(fields=["kind"], condition=Q(state="open"), name="suspicion_open_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
