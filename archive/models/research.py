from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.patient import Patient


class PseudonymRealm(models.Model):
    """Within what pseudonyms are the same: a de-identified project, a collection, a peer, a file.

    Its secret, of which pseudonyms follow, is sealed by a key outside the database.
    """

    name = models.CharField(max_length=64, unique=True)
    sealed_secret = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Pseudonym(models.Model):
    """A name that stands for a patient or a study; whom it stands for is sealed."""

    class Kind(models.TextChoices):
        PATIENT = "patient", _("Patient")
        STUDY = "study", _("Study")

    realm = models.ForeignKey(PseudonymRealm, on_delete=models.CASCADE, related_name="pseudonyms")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    code = models.CharField(max_length=64)
    sealed = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["realm_id", "kind", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["realm", "kind", "code"], name="pseudonym_realm_kind_code_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"pseudonym {self.pk}"


class ResearchDecision(models.Model):
    """Whether a patient's images may be used for research, as it was said one day, and why."""

    patient = models.ForeignKey(
        Patient, on_delete=models.CASCADE, related_name="research_decisions"
    )
    is_refused = models.BooleanField()
    reason = models.CharField(max_length=500)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="research_decisions",
    )
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"decision {self.pk}"


class Reidentification(models.Model):
    """Somebody asked for whom a pseudonym stands, and why; the trail names this row."""

    realm = models.ForeignKey(
        PseudonymRealm, on_delete=models.CASCADE, related_name="reidentifications"
    )
    reason = models.CharField(max_length=500)
    is_answered = models.BooleanField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reidentifications",
    )
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"reidentification {self.pk}"
