from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Role(models.TextChoices):
    """What a member may do in a project."""

    VIEWER = "viewer", _("Viewer")
    CLINICIAN = "clinician", _("Clinician")
    ANNOTATOR = "annotator", _("Annotator")
    RADIOLOGY_ADMIN = "radiology_admin", _("Radiology admin")
    RESEARCHER = "researcher", _("Researcher (de-identified only)")
    AUDITOR = "auditor", _("Auditor")
    SYSTEM = "system", _("System")


READING_ROLES: frozenset[str] = frozenset(
    {Role.VIEWER, Role.CLINICIAN, Role.ANNOTATOR, Role.RADIOLOGY_ADMIN, Role.SYSTEM}
)
DEIDENTIFIED_ROLES: frozenset[str] = frozenset({Role.RESEARCHER})
STORING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.RADIOLOGY_ADMIN, Role.SYSTEM})
LABELLING_ROLES: frozenset[str] = frozenset(
    {Role.CLINICIAN, Role.ANNOTATOR, Role.RADIOLOGY_ADMIN, Role.SYSTEM}
)
# Persons who answer for what a model said: the name of one of them stands in a verified report.
REVIEWING_ROLES: frozenset[str] = frozenset({Role.CLINICIAN, Role.RADIOLOGY_ADMIN})


class Project(models.Model):
    """A set of studies with its own members; every study belongs to at least one."""

    class Kind(models.TextChoices):
        STANDARD = "standard", _("Standard")
        UNASSIGNED = "unassigned", _("Unassigned")

    name = models.CharField(max_length=128)
    slug = models.SlugField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.STANDARD)
    # Studies in it are copies without identity; researchers work there.
    is_deidentified = models.BooleanField(default=False, db_default=False)
    quota_bytes = models.BigIntegerField(
        null=True, blank=True, help_text="Stores are refused past it; empty: no limit."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(kind="unassigned"),
                name="project_only_one_unassigned",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role of a user in a project, or in every standard project where ``project`` is empty."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    # The outside sign-in whose groups gave it; empty: a person did.
    origin = models.CharField(max_length=64, blank=True, db_default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user_id", "project_id", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "project", "role"],
                nulls_distinct=False,
                name="membership_user_project_role_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} {self.project_id or 'every project'}"


class ApiToken(models.Model):
    """A bearer token; only its digest is kept."""

    class Scope(models.TextChoices):
        READ = "read", pgettext_lazy("may read", "Read")
        WRITE = "write", _("Write")
        ADMIN = "admin", _("Administer")
        METRICS = "metrics", _("Metrics")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=128, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=16))
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="api_tokens",
        help_text="What this token stores goes to this project.",
    )
    # Of OAuth 2: who got it, and its scope as it was granted; SMART's scopes are among them.
    client = models.ForeignKey(
        "archive.ServiceClient",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="tokens",
    )
    granted_scope = models.CharField(max_length=2000, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    # Of a renewed one: when the first of its chain was made.
    first_made_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.hint}… of user {self.user_id}"

    @property
    def renewable_until(self) -> datetime:
        """Until when the token and its successors may live in all."""
        first: datetime = self.first_made_at or self.created_at
        return first + timedelta(days=settings.TWINSIGHT_TOKEN_RENEWAL_DAYS)


class Peer(models.Model):
    """A registered system: a DICOM application entity, or a DICOMweb server to send to."""

    class Protocol(models.TextChoices):
        DIMSE = "dimse", _("DICOM (DIMSE)")
        DICOMWEB = "dicomweb", _("DICOMweb")

    protocol = models.CharField(
        max_length=10, choices=Protocol.choices, default=Protocol.DIMSE, db_default="dimse"
    )
    ae_title = models.CharField(max_length=16)
    address = models.GenericIPAddressField(help_text="The address it calls from.")
    host = models.CharField(
        max_length=255,
        blank=True,
        help_text="The name or address it listens at, where that is another.",
    )
    port = models.PositiveIntegerField(null=True, blank=True, help_text="Where it listens.")
    description = models.CharField(max_length=128, blank=True)
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="peers",
        help_text="What this peer stores goes to this project.",
    )
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="peers",
        help_text="With whose rights it asks and retrieves; empty: it sees nothing.",
    )
    may_store = models.BooleanField(default=True)
    may_query = models.BooleanField(default=False)
    may_retrieve = models.BooleanField(default=False)
    is_move_destination = models.BooleanField(
        default=False, help_text="Others may have studies sent to it (C-MOVE)."
    )
    # Transfer syntax UIDs it is offered, the best first; empty: as stored, else uncompressed.
    transfer_syntaxes = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    uses_tls = models.BooleanField(default=False)
    certificate_authority = models.TextField(blank=True, help_text="PEM; empty: the system's.")
    base_url = models.URLField(blank=True, help_text="Of its DICOMweb service.")
    sealed_credentials = models.TextField(
        blank=True, help_text="Encrypted; what its DICOMweb service asks for."
    )
    is_enabled = models.BooleanField(default=True)
    echoed_at = models.DateTimeField(null=True, blank=True)
    echo_error = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["ae_title", "address"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title", "address"], name="peer_ae_title_address_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ae_title}@{self.address}"
