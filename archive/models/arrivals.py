from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from archive.models.access import Project


class NoteArrival(models.Model):
    """From whom a rejection note came: what it may do is what they may."""

    sop_instance_uid = models.CharField(max_length=64, unique=True)
    door = models.CharField(max_length=16)
    # The AE title of a peer, or what the door calls whoever it lets in.
    source = models.CharField(max_length=255, blank=True)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="rejection_notes",
    )
    # An account that is gone may nothing any more, and is not no account.
    had_account = models.BooleanField(default=False)
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="rejection_notes"
    )
    # Decided when it is first read, and not anew when roles change.
    is_obeyed = models.BooleanField(null=True)
    arrived_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.sop_instance_uid


class ArrivalHold(models.Model):
    """New series that an account adds to a study are withheld from the moment they arrive."""

    # Of whoever holds, to find it again.
    key = models.CharField(max_length=64, unique=True)
    study_instance_uid = models.CharField(max_length=64)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="arrival_holds"
    )
    # The peers that have this account: they store without one.
    ae_titles = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    # Of Series.Withheld.
    reason = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key
