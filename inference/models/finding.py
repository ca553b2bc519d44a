from django.conf import settings
from django.db import models
from django.db.models import Q

from archive.models import Instance, Series, Study
from inference.models.run import Run


class Finding(models.Model):
    """One statement of a run about a series: a class with its probability, or a measurement."""

    class Kind(models.TextChoices):
        CLASSIFICATION = "classification", "Classification"
        MEASUREMENT = "measurement", "Measurement"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="findings")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=64)
    label = models.CharField(max_length=64, blank=True)
    value = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    probability = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["run_id", "pk"]
        indexes = [models.Index(fields=["name", "label"], name="finding_name_label_idx")]
        constraints = [
            models.CheckConstraint(
                condition=Q(probability__isnull=True) | Q(probability__range=(0.0, 1.0)),
                name="finding_probability_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label}"


class Label(models.Model):
    """What a person said about a study, series or instance, in a named set of labels."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="labels")
    series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.CASCADE, related_name="labels"
    )
    instance = models.ForeignKey(
        Instance, null=True, blank=True, on_delete=models.CASCADE, related_name="labels"
    )
    label_set = models.CharField(max_length=64)
    label = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="labels",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["label_set", "label", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "series", "instance", "label_set", "label"],
                nulls_distinct=False,
                name="label_object_set_unique",
            ),
        ]
        indexes = [models.Index(fields=["label_set", "label"], name="label_set_label_idx")]

    def __str__(self) -> str:
        return f"{self.label_set}: {self.label}"
