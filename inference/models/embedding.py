from django.db import models
from django.db.models import Q
from pgvector.django import HalfVectorField

from archive.models import Instance, Series, Study
from inference.models.model_version import ModelVersion


class EmbeddingSpace(models.Model):
    """One space of vectors: the same model, preprocessing and dimension; never mixed."""

    name = models.CharField(max_length=64, unique=True)
    dimension = models.PositiveIntegerField()
    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.PROTECT, related_name="embedding_space"
    )
    is_default = models.BooleanField(default=False)
    # Cosine quantiles among random pairs of this space, refreshed as the archive grows.
    random_pair_quantiles = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="embedding_space_one_default",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Embedding(models.Model):
    """A vector of a frame, an instance or a series; HNSW indexes are partial, one per space."""

    class Level(models.TextChoices):
        FRAME = "frame", "Frame"
        INSTANCE = "instance", "Instance"
        SERIES = "series", "Series"

    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="embeddings")
    level = models.CharField(max_length=8, choices=Level.choices)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="embeddings")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="embeddings")
    instance = models.ForeignKey(
        Instance, null=True, blank=True, on_delete=models.CASCADE, related_name="embeddings"
    )
    frame = models.PositiveIntegerField(
        null=True, blank=True, help_text="Frame number from 1, at frame level."
    )
    # The dimension is the space's: each space's index casts the column to it.
    vector = HalfVectorField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["space", "level", "series", "instance", "frame"],
                nulls_distinct=False,
                name="embedding_object_unique",
            ),
            models.CheckConstraint(
                condition=(
                    Q(level="series", instance__isnull=True, frame__isnull=True)
                    | Q(level="instance", instance__isnull=False, frame__isnull=True)
                    | Q(level="frame", instance__isnull=False, frame__isnull=False)
                ),
                name="embedding_level_matches_object",
            ),
        ]
        indexes = [
            models.Index(fields=["study", "space", "level"], name="embedding_study_idx"),
            models.Index(fields=["series", "space", "level"], name="embedding_series_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.level} vector {self.pk}"
