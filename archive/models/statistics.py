from django.db import models


class DailyCount(models.Model):
    """What came in on a day, by project and modality; counted again for the days that changed."""

    day = models.DateField()
    project_id = models.BigIntegerField(help_text="0: in no project.")
    modality = models.CharField(max_length=16, blank=True)
    studies = models.PositiveIntegerField(default=0)
    series = models.PositiveIntegerField(default=0)
    instances = models.PositiveIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["day", "project_id", "modality"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "project_id", "modality"], name="daily_count_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.modality}"


class StorageSample(models.Model):
    """How full the disk was, for the forecast."""

    taken_at = models.DateTimeField(auto_now_add=True)
    # Both 0 where nobody knows an end: in a bucket.
    free_bytes = models.BigIntegerField()
    total_bytes = models.BigIntegerField()
    blob_bytes = models.BigIntegerField(default=0)
    database_bytes = models.BigIntegerField(default=0)
    instances = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-taken_at"]
        indexes = [models.Index(fields=["-taken_at"], name="storage_sample_idx")]

    def __str__(self) -> str:
        return f"sample {self.pk}"

    @property
    def taken_bytes(self) -> int:
        """What is taken of the disk; what images take where they fill no disk of known size."""
        if self.total_bytes:
            return int(self.total_bytes - self.free_bytes)
        return int(self.blob_bytes)


class Verification(models.Model):
    """A round of every blob against its hash and its row, and what it found."""

    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    checked = models.BigIntegerField(default=0)
    # {verdict: how many}, of those that are not good.
    found = models.JSONField(default=dict, blank=True)
    # [[SHA-256, verdict]], the first ones.
    examples = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"verification {self.pk}"


class Backup(models.Model):
    """A copy of the whole archive that was made; copies outside may be gone since."""

    finished_at = models.DateTimeField(auto_now_add=True)
    snapshot = models.CharField(max_length=32)
    # Of the copy itself: the database's moment.
    made_at = models.DateTimeField()
    number_of_studies = models.BigIntegerField()
    number_of_files = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    # Files that the database names and the archive could not give.
    lacking = models.BigIntegerField(default=0)
    with_files = models.BooleanField(default=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.snapshot
