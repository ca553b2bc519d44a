from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models.access import Project


class Removal(models.Model):
    """A deletion or rejection of objects, with its reason: undone until it is purged.

    What is removed keeps its rows and bytes and is withheld from every answer. A purge takes both
    away and leaves a `Tombstone` for each object.
    """

    class Kind(models.TextChoices):
        DELETED = "deleted", _("Deleted")
        REJECTED = "rejected", _("Rejected by a note (IHE IOCM)")

    class Level(models.TextChoices):
        STUDY = "study", _("Study")
        SERIES = "series", _("Series")
        INSTANCE = "instance", _("Instance")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    level = models.CharField(max_length=8, choices=Level.choices)
    study_instance_uid = models.CharField(max_length=64)
    uid = models.CharField(max_length=64, help_text="Of the object named: study, series, instance.")
    reason = models.CharField(max_length=500)
    # Of a rejection note: its SOP Instance UID and the code of its title (PS3.16 CID 7011).
    note_sop_instance_uid = models.CharField(max_length=64, blank=True)
    reason_code = models.CharField(max_length=16, blank=True)
    number_of_instances = models.PositiveIntegerField(default=0)
    # Those of the study: after a purge they say who is told that something was here.
    projects = models.ManyToManyField(Project, related_name="removals", blank=True)
    # What undoing goes back to: {"series": {key: withheld}, "rejections": {instance: removal}}.
    before = models.JSONField(default=dict, blank=True)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="removals",
    )
    removed_at = models.DateTimeField(auto_now_add=True)
    purge_after = models.DateTimeField(null=True, blank=True, help_text="Empty: never by itself.")
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="undone_removals",
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["study_instance_uid"], name="removal_study_idx"),
            models.Index(
                fields=["purge_after"],
                condition=Q(undone_at__isnull=True, purged_at__isnull=True),
                name="removal_open_purge_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.level} {self.uid}"


class Tombstone(models.Model):
    """An object that was purged: asked for again it is gone (410), sent again it is refused."""

    removal = models.ForeignKey(Removal, on_delete=models.PROTECT, related_name="tombstones")
    study_instance_uid = models.CharField(max_length=64)
    series_instance_uid = models.CharField(max_length=64)
    sop_instance_uid = models.CharField(max_length=64, unique=True)
    dataset_sha256 = models.CharField(max_length=64)
    buried_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["study_instance_uid"], name="tombstone_study_idx"),
            models.Index(fields=["series_instance_uid"], name="tombstone_series_idx"),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid
