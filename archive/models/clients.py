from django.contrib.postgres.fields import ArrayField
from django.db import models

from archive.models.access import Project


class ServiceClient(models.Model):
    """What a program that signs in by OAuth 2 may ask for, and its public keys."""

    application = models.OneToOneField(
        "oauth2_provider.Application", on_delete=models.CASCADE, related_name="service_client"
    )
    scopes = ArrayField(models.CharField(max_length=128), default=list)
    # Its keys (RFC 7517), entered by hand, or where they are; none: it has a secret.
    jwks = models.JSONField(default=dict, blank=True)
    jwks_url = models.URLField(max_length=500, blank=True)
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="service_clients",
        help_text="What it stores goes to this project.",
    )
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"client {self.pk}"


class UsedAssertion(models.Model):
    """A client's signed statement that was taken once, and is never taken again."""

    # SHA-256 of the client and of the statement's own identifier (jti).
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["expires_at"], name="used_assertion_expiry_idx")]

    def __str__(self) -> str:
        return f"assertion {self.pk}"
