from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models.access import Project


class ScheduledStep(models.Model):
    """A scheduled procedure step: an entry of the modality worklist (PS3.4 K, PS3.3 C.4.10)."""

    class State(models.TextChoices):
        """Scheduled Procedure Step Status (0040,0020)."""

        SCHEDULED = "SCHEDULED", _("Scheduled")
        ARRIVED = "ARRIVED", _("Patient has arrived")
        STARTED = "STARTED", _("Started")
        COMPLETED = "COMPLETED", _("Completed")
        DISCONTINUED = "DISCONTINUED", _("Discontinued")

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="scheduled_steps")
    state = models.CharField(max_length=12, choices=State.choices, default=State.SCHEDULED)
    dicom_patient_id = models.CharField(max_length=64)
    issuer_of_patient_id = models.CharField(max_length=64, blank=True)
    patient_name = models.CharField(max_length=324)
    patient_name_search = models.CharField(max_length=512, blank=True)
    patient_birth_date = models.DateField(null=True, blank=True)
    patient_sex = models.CharField(max_length=16, blank=True)
    patient_weight_kg = models.FloatField(null=True, blank=True)
    medical_alerts = models.CharField(max_length=64, blank=True)
    allergies = models.CharField(max_length=64, blank=True)
    pregnancy_status = models.PositiveSmallIntegerField(null=True, blank=True)
    accession_number = models.CharField(max_length=16, blank=True)
    admission_id = models.CharField(max_length=64, blank=True)
    referring_physician_name = models.CharField(max_length=324, blank=True)
    requesting_physician = models.CharField(max_length=324, blank=True)
    study_instance_uid = models.CharField(max_length=64)
    requested_procedure_id = models.CharField(max_length=16)
    requested_procedure_description = models.CharField(max_length=64, blank=True)
    requested_procedure_priority = models.CharField(max_length=16, blank=True)
    # {"value", "scheme", "meaning"}, of the Requested Procedure and of the step.
    requested_procedure_code = models.JSONField(default=dict, blank=True)
    protocol_code = models.JSONField(default=dict, blank=True)
    scheduled_step_id = models.CharField(max_length=16)
    scheduled_step_description = models.CharField(max_length=64, blank=True)
    scheduled_station_ae_title = models.CharField(max_length=16, blank=True)
    scheduled_station_name = models.CharField(max_length=16, blank=True)
    scheduled_step_location = models.CharField(max_length=16, blank=True)
    modality = models.CharField(max_length=16)
    scheduled_date = models.DateField()
    scheduled_time = models.TimeField(null=True, blank=True)
    scheduled_performing_physician_name = models.CharField(max_length=324, blank=True)
    comments = models.CharField(max_length=255, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="scheduled_steps",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["scheduled_date", "scheduled_time", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study_instance_uid", "scheduled_step_id"],
                name="scheduled_step_study_id_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["scheduled_date", "modality"], name="scheduled_step_date_idx"),
            models.Index(fields=["dicom_patient_id"], name="scheduled_step_patient_idx"),
            models.Index(fields=["accession_number"], name="scheduled_step_accession_idx"),
            models.Index(
                fields=["scheduled_date"],
                condition=Q(state__in=["SCHEDULED", "ARRIVED", "STARTED"]),
                name="scheduled_step_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.modality} {self.scheduled_date} {self.scheduled_step_id}"
