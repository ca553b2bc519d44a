from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F

from archive.models.access import Project
from archive.models.patient import Patient
from archive.models.querysets import StudyQuerySet


class Study(models.Model):
    """A study with its QIDO attributes and counts kept at write time (PS3.18 10.6.3)."""

    class Withheld(models.TextChoices):
        """Why a study is in no default answer, or in none: kept by `archive.curation`."""

        NOT = "", "Shown"
        REJECTED = "rejected", "Notes rejected all of it; given to who names it"
        DELETED = "deleted", "Deleted, until somebody undoes it or it is purged"

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="studies")
    projects = models.ManyToManyField(Project, related_name="studies")
    study_instance_uid = models.CharField(max_length=64, unique=True)
    study_date = models.DateField(null=True, blank=True)
    study_time = models.TimeField(null=True, blank=True)
    accession_number = models.CharField(max_length=64, blank=True)
    dicom_study_id = models.CharField(max_length=64, blank=True)
    study_description = models.CharField(max_length=255, blank=True)
    referring_physician_name = models.CharField(max_length=324, blank=True)
    referring_physician_name_search = models.CharField(max_length=512, blank=True)
    patient_age = models.CharField(max_length=16, blank=True)
    timezone_offset_from_utc = models.CharField(max_length=16, blank=True)
    specific_character_set = models.CharField(max_length=128, blank=True)
    modalities_in_study = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    body_parts = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    number_of_study_related_series = models.PositiveIntegerField(default=0)
    number_of_study_related_instances = models.PositiveIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0, db_default=0)
    withheld = models.CharField(
        max_length=12, choices=Withheld.choices, default=Withheld.NOT, blank=True, db_default=""
    )
    is_deidentified = models.BooleanField(default=False)
    # What corrections say, in their order: [{"correction": key, "attributes": {tag: DICOM JSON},
    # "at": moment, "by": name, "reason": text}], applied on the way out.
    corrected = models.JSONField(default=list, blank=True, db_default=[])
    legal_hold_reason = models.CharField(
        max_length=500, blank=True, db_default="", help_text="While there is one it is not deleted."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = StudyQuerySet.as_manager()

    class Meta:
        ordering = [
            F("study_date").desc(nulls_last=True),
            F("study_time").desc(nulls_last=True),
            "-pk",
        ]
        verbose_name_plural = "studies"
        indexes = [
            models.Index(
                F("study_date").desc(nulls_last=True),
                F("study_time").desc(nulls_last=True),
                F("id").desc(),
                name="study_date_time_idx",
            ),
            models.Index(fields=["study_date", "study_time", "id"], name="study_oldest_first_idx"),
            models.Index(fields=["study_time"], name="study_time_idx"),
            models.Index(fields=["accession_number"], name="study_accession_number_idx"),
            models.Index(
                OpClass(F("referring_physician_name_search"), name="text_pattern_ops"),
                name="study_referring_prefix_idx",
            ),
            models.Index(fields=["dicom_study_id"], name="study_dicom_study_id_idx"),
            # With the key: very many studies have the same description.
            models.Index(fields=["study_description", "id"], name="study_description_key_idx"),
            models.Index(fields=["created_at"], name="study_created_at_idx"),
            GinIndex(fields=["modalities_in_study"], name="study_modalities_idx"),
        ]

    def __str__(self) -> str:
        return self.study_instance_uid
