from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from archive.models.querysets import SeriesQuerySet
from archive.models.study import Study


class Series(models.Model):
    """A series with its QIDO attributes and count kept at write time."""

    class Withheld(models.TextChoices):
        """Why a series is in no default answer; it is kept, and given to who names it."""

        NOT = "", "Shown"
        REJECTED = "rejected", "A person rejected what it says"
        SUPERSEDED = "superseded", "A person corrected it: another object says what is right"
        # Of a model on trial: only who may review results sees it at all.
        TRIAL = "trial", "For reviewers only"
        DELETED = "deleted", "Deleted, until somebody undoes it or it is purged"

    # Found by the index of study and number.
    study = models.ForeignKey(
        Study, on_delete=models.PROTECT, related_name="series", db_index=False
    )
    series_instance_uid = models.CharField(max_length=64, unique=True)
    modality = models.CharField(max_length=16, blank=True)
    series_number = models.BigIntegerField(null=True, blank=True)
    series_description = models.CharField(max_length=255, blank=True)
    body_part_examined = models.CharField(max_length=64, blank=True)
    laterality = models.CharField(max_length=16, blank=True)
    protocol_name = models.CharField(max_length=255, blank=True)
    series_date = models.DateField(null=True, blank=True)
    series_time = models.TimeField(null=True, blank=True)
    manufacturer = models.CharField(max_length=255, blank=True)
    manufacturer_model_name = models.CharField(max_length=255, blank=True)
    station_name = models.CharField(max_length=64, blank=True)
    institution_name = models.CharField(max_length=255, blank=True)
    frame_of_reference_uid = models.CharField(max_length=64, blank=True)
    performed_procedure_step_start_date = models.DateField(null=True, blank=True)
    performed_procedure_step_start_time = models.TimeField(null=True, blank=True)
    request_attributes = models.JSONField(default=list, blank=True)
    number_of_series_related_instances = models.PositiveIntegerField(default=0)
    withheld = models.CharField(
        max_length=12, choices=Withheld.choices, default=Withheld.NOT, blank=True, db_default=""
    )
    # As of studies: what corrections say, in their order.
    corrected = models.JSONField(default=list, blank=True, db_default=[])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["study_id", models.F("series_number").asc(nulls_last=True), "pk"]
        verbose_name_plural = "series"
        indexes = [
            models.Index(fields=["study", "series_number"], name="series_study_number_idx"),
            models.Index(fields=["series_number"], name="series_number_idx"),
            models.Index(fields=["modality"], name="series_modality_idx"),
            models.Index(fields=["body_part_examined"], name="series_body_part_idx"),
            models.Index(
                fields=["performed_procedure_step_start_date"], name="series_pps_start_date_idx"
            ),
            models.Index(
                fields=["performed_procedure_step_start_time"], name="series_pps_start_time_idx"
            ),
            GinIndex(
                OpClass(models.F("request_attributes"), name="jsonb_path_ops"),
                name="series_request_attributes_idx",
            ),
        ]

    def __str__(self) -> str:
        return self.series_instance_uid
