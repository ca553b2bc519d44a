from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models.patient import Patient


class Correction(models.Model):
    """A change of what is said about stored objects, with its reason; undone from `before`.

    Stored bytes never change: corrected attributes are served with the originals beside them
    (Original Attributes Sequence, 0400,0561).
    """

    class Kind(models.TextChoices):
        PATIENT_EDIT = "patient-edit", _("Patient edited")
        STUDY_EDIT = "study-edit", _("Study edited")
        SERIES_EDIT = "series-edit", _("Series edited")
        PATIENT_MERGE = "patient-merge", _("Patients merged")
        STUDY_MOVE = "study-move", _("Studies moved to another patient")
        SERIES_MOVE = "series-move", _("Series moved to another study")
        STUDY_SPLIT = "study-split", _("Series split into a study of their own")
        RECONCILE = "reconcile", _("Matched with an order")
        PROJECT_MOVE = "project-move", _("Moved to another project")

    kind = models.CharField(max_length=16, choices=Kind.choices)
    reason = models.CharField(max_length=500)
    # Who said so: a person here, or a message from the hospital's systems.
    origin = models.CharField(max_length=64, blank=True)
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.SET_NULL, related_name="corrections"
    )
    study_instance_uid = models.CharField(max_length=64, blank=True)
    # What it was about and what undoing goes back to; keys and attribute values.
    subject = models.JSONField(default=dict, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="corrections",
    )
    made_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="undone_corrections",
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["study_instance_uid"], name="correction_study_idx"),
            models.Index(fields=["patient", "-id"], name="correction_patient_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class PatientAlias(models.Model):
    """An ID that a merge took away: it still finds the patient that is left."""

    dicom_patient_id = models.CharField(max_length=64)
    issuer_of_patient_id = models.CharField(max_length=64, blank=True)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="aliases")
    correction = models.ForeignKey(Correction, on_delete=models.PROTECT, related_name="aliases")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "patient aliases"
        constraints = [
            models.UniqueConstraint(
                fields=["dicom_patient_id", "issuer_of_patient_id"],
                condition=Q(is_active=True),
                name="patient_alias_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"alias {self.pk}"
