"""Acts on many studies that correct in which project they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import is_radiology_admin
from archive.bulk.acts import checked_project, checked_reason, project_field, reason_field
from archive.bulk.registry import register_act
from archive.bulk.types import Act
from archive.bulk.working import SkippedError
from archive.corrections.finding import administered_projects
from archive.corrections.studies import move_studies_to_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker
    from archive.bulk.types import Work
    from archive.models.querysets import AnyUser


def register_moves() -> None:
    """Offer both; called once, when the program starts."""
    register_act(
        _move(
            "move",
            icon="arrow-right",
            label=_("Move to a project"),
            verb=_("Move"),
            hint=_("They leave the projects they are in; who reads only those sees them no more."),
        ),
        _move(
            "copy",
            icon="plus",
            label=_("Show in a project, too"),
            verb=_("Show"),
            hint=_("They stay where they are; the members of the project see them, too."),
        ),
    )


def _move(name: str, **shown: Any) -> Act:
    return Act(
        name=name,
        is_rare=True,
        is_for=is_radiology_admin,
        fields=lambda user: (project_field(_("Project"), _projects(user)), reason_field(_("Why"))),
        check=_checked,
        step=lambda work, uid: _moved(work, uid, is_copy=name == "copy"),
        **shown,
    )


def _projects(user: AnyUser) -> dict[str, str]:
    rows = administered_projects(user).filter(is_deidentified=False).order_by("name")
    return dict(rows.values_list("slug", "name"))


def _checked(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    user: Any = asker.user
    return {**checked_project(asked, _projects(user)), "reason": checked_reason(asked)}


def _moved(work: Work, study_uid: str, *, is_copy: bool) -> str:
    made = move_studies_to_project(
        asker=work.asker,
        study_uids=[study_uid],
        project=str(work.options["project"]),
        reason=str(work.options["reason"]),
        is_copy=is_copy,
    )
    if not made:
        raise SkippedError(gettext("It is there already."))
    return "moved"
