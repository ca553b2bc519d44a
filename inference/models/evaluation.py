from django.conf import settings
from django.db import models

from inference.models.embedding import EmbeddingSpace


class RetrievalEvaluation(models.Model):
    """How well a space finds what a set of labels calls the same, measured once, kept for ever."""

    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="evaluations")
    label_set = models.CharField(max_length=64)
    level = models.CharField(max_length=8)
    number_of_queries = models.PositiveIntegerField()
    # Figures with their intervals: of all, and by label, modality, body part, scanner, sex, age.
    figures = models.JSONField(default=dict)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retrieval_evaluations",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["space", "label_set", "-created_at"], name="evaluation_space_set_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"evaluation {self.pk}"


class Calibration(models.Model):
    """What close means in a space: the cut below which nothing is alike, by modality.

    An empty ``modality`` holds for all that have none of their own.
    """

    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="calibrations")
    level = models.CharField(max_length=8)
    modality = models.CharField(max_length=16, blank=True)
    # In the space's own score: a hit at or above it is close.
    cut = models.FloatField()
    # Scores of nearest neighbours of other patients: below the lowest, a query is out of
    # distribution.
    nearest_quantiles = models.JSONField(default=list)
    number_of_objects = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["space_id", "level", "modality"]
        constraints = [
            models.UniqueConstraint(
                fields=["space", "level", "modality"], name="calibration_space_level_modality"
            ),
        ]

    def __str__(self) -> str:
        return f"calibration {self.level} {self.modality}"
