from django.db import models

from inference.models.embedding import EmbeddingSpace


class SpaceFill(models.Model):
    """How far a space is filled with what the archive held before it: where to go on, and how fast.

    ``cursor`` is the key of the last series handed out, the newest first; what was counted last
    stands beside it, so that a page about it counts nothing.
    """

    space = models.OneToOneField(EmbeddingSpace, on_delete=models.CASCADE, related_name="fill")
    is_paused = models.BooleanField(default=False)
    cursor = models.BigIntegerField(null=True, blank=True)
    # Images that may be handed out now; a long series leaves a debt.
    allowance = models.FloatField(default=0.0)
    ticked_at = models.DateTimeField(null=True, blank=True)
    number_of_series = models.PositiveIntegerField(default=0)
    number_of_series_done = models.PositiveIntegerField(default=0)
    number_of_images = models.PositiveBigIntegerField(default=0)
    number_of_images_done = models.PositiveBigIntegerField(default=0)
    images_per_minute = models.FloatField(default=0.0)
    measured_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"filling of space {self.space_id}"
