from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Account(models.Model):
    """What is known of a user beside Django's own columns."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        SERVICE = "service", _("Service")

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the device")
        DARK = "dark", _("Dark")
        LIGHT = "light", _("Light")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PERSON)
    theme = models.CharField(max_length=8, choices=Theme.choices, blank=True)
    # A code of settings.LANGUAGES; empty: the browser's.
    language = models.CharField(max_length=16, blank=True)
    must_change_password = models.BooleanField(default=False)
    # Columns of the worklist in their order; empty: the usual ones.
    worklist_columns = models.JSONField(default=list, blank=True)
    # Names of groups that the last outside sign-in gave.
    outside_groups = models.JSONField(default=list, blank=True)
    # The outside directory that knows the account by its name, and the one whose groups made it a
    # user administrator: identifiers of sign-ins, as of memberships.
    directory = models.CharField(max_length=64, blank=True, db_default="")
    admin_origin = models.CharField(max_length=64, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user_id"]

    def __str__(self) -> str:
        return f"account of {self.user_id}"


class SavedFilter(models.Model):
    """Filters and order of the worklist under a name."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters"
    )
    name = models.CharField(max_length=64)
    query = models.CharField(max_length=2000, blank=True, help_text="A query string of /studies/.")
    is_default = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    # Told of studies that arrive and match, up to this study.
    is_followed = models.BooleanField(default=False)
    seen_up_to = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user_id", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_filter_user_name_unique"),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_default=True),
                name="saved_filter_one_default",
            ),
        ]

    def __str__(self) -> str:
        return f"filter {self.pk}"
