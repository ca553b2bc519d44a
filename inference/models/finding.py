from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models import Series
from inference.models.querysets import FindingQuerySet
from inference.models.run import Run


class Finding(models.Model):
    """One statement of a run about a series: a class with its probability, or a measurement."""

    class Kind(models.TextChoices):
        CLASSIFICATION = "classification", _("Classification")
        MEASUREMENT = "measurement", _("Measurement")
        DETECTION = "detection", _("Detection")

    class Review(models.TextChoices):
        UNVERIFIED = "unverified", _("Not reviewed")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="findings")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=64)
    label = models.CharField(max_length=64, blank=True)
    value = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    probability = models.FloatField(null=True, blank=True)

    # A detection: {"kind": "point"|"box", "mm": patient coordinates (LPS), "image": UID, "frame"}.
    location = models.JSONField(default=dict, blank=True)
    tracking_uid = models.CharField(max_length=64, blank=True)
    review = models.CharField(max_length=16, choices=Review.choices, default=Review.UNVERIFIED)
    is_critical = models.BooleanField(default=False)

    objects = FindingQuerySet.as_manager()

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
