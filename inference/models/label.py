from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models import Instance, Series, Study
from inference.models.querysets import LabelQuerySet


class Label(models.Model):
    """What a person said about a study, series, instance or region, in a named set of labels.

    Several readers may each say the same or something else.
    """

    class Source(models.TextChoices):
        PERSON = "person", _("Person")
        FILE = "file", _("File")
        REPORT = "report", _("Report")
        REVIEW = "review", _("Review of a result")

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="labels")
    series = models.ForeignKey(
        Series, null=True, blank=True, on_delete=models.CASCADE, related_name="labels"
    )
    instance = models.ForeignKey(
        Instance, null=True, blank=True, on_delete=models.CASCADE, related_name="labels"
    )
    label_set = models.CharField(max_length=64)
    label = models.CharField(max_length=64)
    # [x, y, width, height] in pixels of the frame, from its upper left corner; empty for the whole.
    frame = models.PositiveIntegerField(null=True, blank=True)
    region = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.PERSON)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="labels",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LabelQuerySet.as_manager()

    class Meta:
        ordering = ["label_set", "label", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "study",
                    "series",
                    "instance",
                    "frame",
                    "region",
                    "label_set",
                    "label",
                    "created_by",
                ],
                nulls_distinct=False,
                name="label_object_set_unique",
            ),
        ]
        indexes = [models.Index(fields=["label_set", "label"], name="label_set_label_idx")]

    def __str__(self) -> str:
        return f"{self.label_set}: {self.label}"
