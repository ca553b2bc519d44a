"""The way from a study's page to its corrections."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.corrections.selectors import is_correctable
from archive.portal.panels import StudyAction, register_study_action


def register_corrections() -> None:
    """Show the entry in the menu of each study that the reader may correct."""
    register_study_action(
        StudyAction(
            name="correct",
            label=_("Correct"),
            icon="pencil",
            url=lambda uid: reverse("portal:correction-study", args=[uid]),
            is_for=is_correctable,
        )
    )
