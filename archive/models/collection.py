from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from archive.models.access import Project
from archive.models.instance import Instance
from archive.models.series import Series
from archive.models.study import Study


class Collection(models.Model):
    """A named set of cases: a teaching file, a cohort, or a quiz; shared in a project or not.

    It gives no right to its cases: each reader sees those that their own rights show.
    """

    class Kind(models.TextChoices):
        COHORT = "cohort", _("Cohort")
        TEACHING = "teaching", _("Teaching file")
        QUIZ = "quiz", _("Quiz")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.SET_NULL, related_name="collections"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.COHORT)
    name = models.CharField(max_length=128)
    description = models.TextField(blank=True)
    # The search that it was gathered by, in the words of whoever searched; archive knows no more.
    source = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="collection_owner_name_unique"),
        ]

    def __str__(self) -> str:
        return f"collection {self.pk}"


class CollectionItem(models.Model):
    """A case in a collection: a study, or one series, image or frame of it."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="collection_items")
    series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.CASCADE, related_name="collection_items"
    )
    instance = models.ForeignKey(
        Instance, null=True, blank=True, on_delete=models.CASCADE, related_name="collection_items"
    )
    frame = models.PositiveIntegerField(null=True, blank=True)
    title = models.CharField(max_length=128, blank=True)
    note = models.TextField(blank=True)
    # Hidden from those who are asked, until they have answered.
    diagnosis = models.CharField(max_length=255, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="added_collection_items",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["collection_id", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "study", "series", "instance", "frame"],
                nulls_distinct=False,
                name="collection_item_object_unique",
            ),
            models.CheckConstraint(
                condition=Q(instance__isnull=True) | Q(series__isnull=False),
                name="collection_item_path_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class QuizAnswer(models.Model):
    """What a reader said about a case of a quiz before its diagnosis was shown."""

    item = models.ForeignKey(CollectionItem, on_delete=models.CASCADE, related_name="answers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiz_answers"
    )
    answer = models.CharField(max_length=255)
    # The reader's own verdict once the diagnosis is seen; empty before.
    is_right = models.BooleanField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["item", "user"], name="quiz_answer_item_user_unique"),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk}"
