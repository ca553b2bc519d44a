from django.contrib.postgres.indexes import GinIndex
from django.db import models

from archive.models import Series


class SeriesAttributes(models.Model):
    """What a search may ask of a series' images beyond its own columns; computed, never the truth.

    ``values`` maps a DICOM keyword to the values that images of the series have, as text.
    """

    series = models.OneToOneField(
        Series, primary_key=True, on_delete=models.CASCADE, related_name="searchable_attributes"
    )
    values = models.JSONField(default=dict, blank=True)
    # Which images went in: how many, and the last one's key.
    number_of_instances = models.PositiveIntegerField(default=0)
    last_instance_id = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "series attributes"
        indexes = [
            GinIndex(
                fields=["values"], opclasses=["jsonb_path_ops"], name="series_attributes_values_idx"
            )
        ]

    def __str__(self) -> str:
        return f"attributes of series {self.pk}"
