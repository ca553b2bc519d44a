from django.conf import settings
from django.db import models
from django.db.models import Q

from archive.models.study import Study


class Follow(models.Model):
    """A study or patient that somebody wants news of."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="follows"
    )
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="follows")
    whole_patient = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "study"], name="follow_user_study_unique"),
        ]

    def __str__(self) -> str:
        return f"follow {self.pk}"


class NoticeChoice(models.Model):
    """Which news somebody wants, and whether by mail too; without a row: in the portal only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choices"
    )
    topic = models.CharField(max_length=32)
    in_portal = models.BooleanField(default=True)
    by_mail = models.BooleanField(default=False)

    class Meta:
        ordering = ["user_id", "topic"]
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="notice_choice_unique"),
        ]

    def __str__(self) -> str:
        return f"choice {self.topic} of {self.user_id}"


class Notice(models.Model):
    """One piece of news for one person. No names of patients: mail leaves the house."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    topic = models.CharField(max_length=32)
    title = models.CharField(max_length=255)
    body = models.CharField(max_length=1000, blank=True)
    # A path of this portal.
    path = models.CharField(max_length=500, blank=True)
    study = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.CASCADE, related_name="notices"
    )
    # The same news twice is one: empty for news that may come again.
    key = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mail_due_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], condition=~Q(key=""), name="notice_user_key_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_user_idx"),
            models.Index(
                fields=["user"], condition=Q(read_at__isnull=True), name="notice_unread_idx"
            ),
            models.Index(
                fields=["mail_due_at"],
                condition=Q(mail_due_at__isnull=False, mailed_at__isnull=True),
                name="notice_mail_due_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"notice {self.pk}"
