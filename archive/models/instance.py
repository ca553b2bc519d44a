from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from archive.models.blob import Blob
from archive.models.querysets import InstanceQuerySet
from archive.models.removal import Removal
from archive.models.series import Series


class Instance(models.Model):
    """A SOP instance: its QIDO attributes, what is needed to sort and draw it, and its bytes."""

    class Withheld(models.TextChoices):
        """Why an instance is in no default answer, or in none."""

        NOT = "", "Shown"
        REJECTED = "rejected", "Rejected by a note; given to who names it"
        DELETED = "deleted", "Deleted, until somebody undoes it or it is purged"

    # Found by the index of series and number.
    series = models.ForeignKey(
        Series, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    sop_instance_uid = models.CharField(max_length=64, unique=True)
    sop_class_uid = models.CharField(max_length=64)
    transfer_syntax_uid = models.CharField(max_length=64)
    instance_number = models.BigIntegerField(null=True, blank=True)
    rows = models.PositiveIntegerField(null=True, blank=True)
    columns = models.PositiveIntegerField(null=True, blank=True)
    bits_allocated = models.PositiveSmallIntegerField(null=True, blank=True)
    samples_per_pixel = models.PositiveSmallIntegerField(null=True, blank=True)
    number_of_frames = models.PositiveIntegerField(null=True, blank=True)
    photometric_interpretation = models.CharField(max_length=16, blank=True)
    has_pixel_data = models.BooleanField(default=False)
    image_position_patient = ArrayField(models.FloatField(), null=True, blank=True)
    image_orientation_patient = ArrayField(models.FloatField(), null=True, blank=True)
    content_date = models.DateField(null=True, blank=True)
    content_time = models.TimeField(null=True, blank=True)
    specific_character_set = models.CharField(max_length=128, blank=True)
    cleaned_keywords = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Attributes whose text PostgreSQL could not hold as it came.",
    )
    blob = models.OneToOneField(Blob, on_delete=models.PROTECT, related_name="instance")
    dataset_sha256 = models.CharField(
        max_length=64, help_text="Of the data set after the file meta: the instance's identity."
    )
    withheld = models.CharField(
        max_length=12, choices=Withheld.choices, default=Withheld.NOT, blank=True, db_default=""
    )
    removal = models.ForeignKey(
        Removal,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="instances",
        db_index=False,
    )
    # {keyword: [value as it came, value as it is served]}: coerced on the way out, never in store.
    coerced = models.JSONField(default=dict, blank=True, db_default={})
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ["series_id", models.F("instance_number").asc(nulls_last=True), "pk"]
        indexes = [
            models.Index(fields=["series", "instance_number"], name="instance_series_number_idx"),
            models.Index(fields=["instance_number"], name="instance_number_idx"),
            models.Index(fields=["sop_class_uid"], name="instance_sop_class_uid_idx"),
            models.Index(
                fields=["removal"],
                condition=Q(removal__isnull=False),
                name="instance_removal_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid


class InstanceMetadata(models.Model):
    """The instance's DICOM JSON (PS3.18 F) as compressed text, computed once, never the truth."""

    instance = models.OneToOneField(
        Instance, primary_key=True, on_delete=models.CASCADE, related_name="stored_metadata"
    )
    content = models.BinaryField()

    class Meta:
        verbose_name_plural = "instance metadata"

    def __str__(self) -> str:
        return f"metadata of {self.instance_id}"
