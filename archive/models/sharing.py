from django.conf import settings
from django.db import models
from django.db.models import Q

from archive.models.access import Project
from archive.models.collection import Collection
from archive.models.patient import Patient
from archive.models.study import Study


class StudyGrant(models.Model):
    """One study shown to one account beside its memberships, until it ends or is taken back."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="study_grants"
    )
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="grants")
    reason = models.CharField(max_length=500, blank=True)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="given_study_grants",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "study"],
                condition=Q(revoked_at__isnull=True),
                name="study_grant_open_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk}"


class ShareLink(models.Model):
    """A link that shows one study or collection to whoever holds it; only its digest is kept."""

    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    study = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.CASCADE, related_name="share_links"
    )
    # Empty, or in the form of Django's password hashers.
    password = models.CharField(max_length=128, blank=True)
    note = models.CharField(max_length=255, blank=True)
    may_download = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="share_links"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)
    last_opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(study__isnull=False, collection__isnull=True)
                | Q(study__isnull=True, collection__isnull=False),
                name="share_link_one_object",
            ),
        ]

    def __str__(self) -> str:
        return f"link {self.hint}"


class BreakGlass(models.Model):
    """An emergency access to one patient: a reason, a short time, a review (PS3.16 110127)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="emergencies"
    )
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="emergencies")
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reviewed_emergencies",
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_note = models.CharField(max_length=500, blank=True)
    is_justified = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "break-glass accesses"
        indexes = [
            models.Index(
                fields=["user", "expires_at"],
                condition=Q(ended_at__isnull=True),
                name="break_glass_open_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"emergency {self.pk}"


class GroupMapping(models.Model):
    """What members of a group of an outside directory (OIDC, LDAP) hold here, kept at sign-in."""

    provider = models.CharField(max_length=64, help_text="Of the sign-in: an OIDC id, or ldap.")
    group = models.CharField(max_length=255)
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="group_mappings"
    )
    role = models.CharField(max_length=16, blank=True)
    is_user_admin = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["provider", "group", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "group", "project", "role"],
                nulls_distinct=False,
                name="group_mapping_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.group}"
