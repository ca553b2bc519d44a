from django.db import models

from archive.models import Series


class SeriesCheck(models.Model):
    """A series was looked at for twins and contradictions when it had so many instances."""

    series = models.OneToOneField(Series, on_delete=models.CASCADE, related_name="check_row")
    number_of_instances = models.PositiveIntegerField()
    checked_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"check of series {self.series_id}"
