"""Where research is found: in the menu of a study, and among the pages of administrators."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.portal import panels
from archive.research.selectors import may_keep_research


def register_research() -> None:
    """Register the entries."""
    panels.register_study_action(
        panels.StudyAction(
            name="research",
            label=_("Research"),
            icon="lock",
            url=lambda uid: reverse("portal:study-research", args=(uid,)),
            # Whether it is their role in this study is asked when they go there.
            is_for=lambda user, _uid: may_keep_research(user),
        )
    )
    panels.register_management_item(
        panels.ManagementItem(
            label=_("Research"),
            icon="lock",
            url_name="portal:research",
            is_for=may_keep_research,
            group="people",
            hint=_("Projects without identity, patients who refused, and pseudonyms."),
        )
    )
