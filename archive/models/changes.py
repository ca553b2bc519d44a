from django.db import models

from archive.models.study import Study


class StudyChange(models.Model):
    """The minute in which a study changed last, kept by triggers (migration 0029).

    Systems that follow the archive ask in this order. An index of the study's own moment would
    cost every stored image entries in all of the study's indexes; a minute is written once.
    """

    study = models.OneToOneField(
        Study,
        primary_key=True,
        # The database removes it with the study.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="change",
    )
    changed_at = models.DateTimeField(help_text="To the minute.")

    class Meta:
        indexes = [models.Index(fields=["changed_at", "study"], name="study_change_idx")]

    def __str__(self) -> str:
        return f"study {self.study_id} changed"
