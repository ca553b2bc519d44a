"""Whom and what a correction is about: inside the asker's rights, and locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext

from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Patient, Project, Role, Series, Study
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MAX_REASON = 500
_ADMIN = frozenset({str(Role.RADIOLOGY_ADMIN)})


def checked_reason(reason: str) -> str:
    """Return why it is corrected, on one line.

    Raises
    ------
    InvalidRequestError
        Nothing is said.
    """
    line = "".join(char if char.isprintable() else " " for char in reason).strip()[:MAX_REASON]
    if not line:
        raise InvalidRequestError(gettext("Say why it is corrected."), code="reason-missing")
    return line


def account(asker: Asker) -> User | None:
    """Return the asker's account where there is one, as a column wants it."""
    user = asker.user
    return user if user is not None and user.is_authenticated else None


def administered_projects(user: AnyUser) -> QuerySet[Project]:
    """Select the projects of which the user is a radiology admin."""
    return readable_projects(user, _ADMIN)


def require_administered(asker: Asker, study_ids: Iterable[int]) -> None:
    """Refuse unless the asker is a radiology admin of every project of the studies.

    Raises
    ------
    NotAllowedError
        One of them lies elsewhere, too.
    """
    links = Study.projects.through.objects.filter(study_id__in=list(study_ids))
    require_administered_projects(asker, Project.objects.filter(pk__in=links.values("project_id")))


def require_administered_projects(asker: Asker, projects: QuerySet[Project]) -> None:
    """Refuse unless the asker is a radiology admin of all the projects.

    Raises
    ------
    NotAllowedError
        They are none of one of them.
    """
    mine = administered_projects(asker.user or AnonymousUser()).values("pk")
    if projects.exclude(pk__in=mine).exists():
        message = "Only a radiology admin of all projects concerned may correct this."
        raise NotAllowedError(message)


def locked_patients(asker: Asker, keys: Iterable[int]) -> dict[int, Patient]:
    """Lock patients that the asker sees, in the order of their keys.

    Raises
    ------
    NotVisibleError
        One is not there, not for this user, or was merged into another.
    """
    wanted = sorted(set(keys))
    rows = Patient.objects.select_for_update(no_key=True).filter(pk__in=wanted)
    found = {row.pk: row for row in rows.filter(merged_into__isnull=True).order_by("pk")}
    visible = Patient.objects.visible_to(asker.user or AnonymousUser()).filter(pk__in=wanted)
    seen = set(visible.values_list("pk", flat=True))
    found = {key: row for key, row in found.items() if key in seen}
    if set(found) != set(wanted):
        raise NotVisibleError("There is no such patient.")
    return found


def locked_studies_of(patient: Patient) -> list[Study]:
    """Lock all studies of a patient, deleted ones too, in the order of their UIDs."""
    rows = Study.objects.select_for_update(no_key=True).filter(patient=patient)
    return list(rows.order_by("study_instance_uid"))


def locked_studies(asker: Asker, uids: Sequence[str]) -> dict[str, Study]:
    """Lock studies that the asker sees and administers, in the order of their UIDs.

    Raises
    ------
    NotVisibleError
        One is not there, or not for this user.
    NotAllowedError
        They may see it and not correct it.
    """
    wanted = sorted(set(uids))
    if not wanted or not all(map(is_valid_uid, wanted)):
        raise NotVisibleError("There is no such study.")
    rows = Study.objects.select_for_update(no_key=True).prefetch_related("patient")
    found = {
        row.study_instance_uid: row
        for row in rows.filter(study_instance_uid__in=wanted).order_by("study_instance_uid")
    }
    visible = Study.objects.visible_to(asker.user or AnonymousUser())
    rows_seen = visible.filter(study_instance_uid__in=wanted)
    seen = set(rows_seen.values_list("study_instance_uid", flat=True))
    if len(found) < len(wanted) or seen != set(wanted):
        raise NotVisibleError("There is no such study.")
    require_administered(asker, [row.pk for row in found.values()])
    return found


def locked_study(asker: Asker, uid: str) -> Study:
    """Lock one study; errors as of `locked_studies`."""
    return locked_studies(asker, [uid])[uid]


def locked_series(study: Study, uids: Sequence[str]) -> list[Series]:
    """Lock series of a locked study, in the order of their keys.

    Raises
    ------
    NotVisibleError
        One is not in the study, or was deleted.
    """
    wanted = set(uids)
    rows = Series.objects.select_for_update(no_key=True).filter(
        study=study, series_instance_uid__in=wanted
    )
    found = list(rows.exclude(withheld=Series.Withheld.DELETED).order_by("pk"))
    if not wanted or len(found) < len(wanted):
        raise NotVisibleError("There is no such series in the study.")
    return found
