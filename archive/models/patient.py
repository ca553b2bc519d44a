from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from archive.models.querysets import PatientQuerySet


class Patient(models.Model):
    """A patient: Patient ID with its issuer (PS3.3 C.7.1.1).

    Where name, birth date or sex contradict what is known under the same ID, or who stores may
    not be told of it, a second row is made with ``conflict_of`` set: kept apart until a radiology
    admin decides.
    """

    dicom_patient_id = models.CharField(max_length=64, blank=True)
    issuer_of_patient_id = models.CharField(max_length=64, blank=True)
    patient_name = models.CharField(max_length=324, blank=True)
    patient_name_search = models.CharField(max_length=512, blank=True)
    patient_birth_date = models.DateField(null=True, blank=True)
    patient_sex = models.CharField(max_length=16, blank=True)
    # The patient said no to research, or the hospital did for them: never in a copy for it.
    is_research_refused = models.BooleanField(default=False, db_default=False)
    conflict_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="conflicts"
    )
    # The patient that this one turned out to be; its ID finds that one by `PatientAlias`.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="merged"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # The last correction, or undoing of one: written by triggers (migration 0029).
    corrected_at = models.DateTimeField(null=True, blank=True)

    objects = PatientQuerySet.as_manager()

    class Meta:
        ordering = ["patient_name_search", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dicom_patient_id", "issuer_of_patient_id"],
                condition=Q(conflict_of__isnull=True, merged_into__isnull=True)
                & ~Q(dicom_patient_id=""),
                name="patient_id_issuer_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["dicom_patient_id"], name="patient_dicom_patient_id_idx"),
            models.Index(fields=["patient_name_search"], name="patient_name_order_idx"),
            models.Index(
                OpClass(models.F("patient_name_search"), name="text_pattern_ops"),
                name="patient_name_search_prefix_idx",
            ),
            models.Index(
                fields=["conflict_of"],
                condition=Q(conflict_of__isnull=False),
                name="patient_conflict_idx",
            ),
            models.Index(
                Coalesce("corrected_at", "created_at"), models.F("id"), name="patient_changed_idx"
            ),
            models.Index(fields=["patient_birth_date", "id"], name="patient_birth_date_idx"),
        ]

    def __str__(self) -> str:
        return f"patient {self.pk}"
