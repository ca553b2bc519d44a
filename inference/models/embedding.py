from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from archive.models import Instance, Series, Study
from inference.models.model_version import ModelVersion


class Projection(models.Model):
    """A linear map fitted on the archive, of a base space's vectors: PCA, or LDA on labels.

    ``matrix`` holds the bytes of an ``.npz`` without pickles, ``sha256`` their digest.
    """

    class Kind(models.TextChoices):
        PCA = "pca", _("Principal components")
        LDA = "lda", _("Adapted to labels")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    matrix = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict, blank=True)
    label_sets = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    number_of_vectors = models.PositiveIntegerField()
    fitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha256[:12]}"


class EmbeddingSpace(models.Model):
    """One space of vectors: the same weights, preprocessing, projection and metric; never mixed.

    What its vectors come from is written here once and never changes: another digest is
    another space.
    """

    class Metric(models.TextChoices):
        COSINE = "cosine", _("Cosine")
        EUCLIDEAN = "euclidean", _("Euclidean distance")
        INNER_PRODUCT = "inner_product", _("Inner product")
        # Of square roots of histograms, whose inner product it is.
        BHATTACHARYYA = "bhattacharyya", _("Bhattacharyya coefficient")

    class State(models.TextChoices):
        # Costs nothing until somebody fills it.
        REGISTERED = "registered", _("Not filled")
        FILLING = "filling", _("Being filled")
        READY = "ready", _("Ready")
        RETIRED = "retired", _("Retired")

    name = models.CharField(max_length=64, unique=True)
    dimension = models.PositiveIntegerField()
    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.PROTECT, related_name="embedding_space"
    )
    metric = models.CharField(max_length=16, choices=Metric.choices, default=Metric.COSINE)
    state = models.CharField(max_length=12, choices=State.choices, default=State.READY)
    weights_digest = models.CharField(max_length=64, blank=True)
    preprocessing_version = models.CharField(max_length=32, blank=True)
    # A projected space is filled from its base's vectors; no image is read again.
    base_space = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="projected_spaces"
    )
    projection = models.OneToOneField(
        Projection, null=True, blank=True, on_delete=models.PROTECT, related_name="space"
    )
    is_default = models.BooleanField(default=False)
    # Cosine quantiles among random pairs of this space, refreshed as the archive grows.
    random_pair_quantiles = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="embedding_space_one_default",
            ),
            models.CheckConstraint(
                condition=Q(base_space__isnull=True, projection__isnull=True)
                | Q(base_space__isnull=False, projection__isnull=False),
                name="embedding_space_projection_has_base",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SpacePromotion(models.Model):
    """A space became the one that is searched where none is named; the trail for going back."""

    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="promotions")
    previous_space = models.ForeignKey(
        EmbeddingSpace,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="promotions_after",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="space_promotions",
    )
    is_rollback = models.BooleanField(default=False)
    reason = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"space {self.space_id} promoted"


class Embedding(models.Model):
    """A vector of a frame, an instance or a series; HNSW indexes are partial, one per space."""

    class Level(models.TextChoices):
        FRAME = "frame", _("Frame")
        INSTANCE = "instance", _("Instance")
        SERIES = "series", _("Series")

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
    # Copies for the search alone, written by triggers of the database and never believed where
    # rights are at stake: the patient's key, and what of rights and filters the row fulfils.
    patient_key = models.BigIntegerField(db_default=0, editable=False)
    facts = ArrayField(models.TextField(), db_default=Value([]), editable=False)
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
