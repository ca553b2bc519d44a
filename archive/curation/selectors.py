"""What was removed, asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

from archive.access.selectors import is_radiology_admin
from archive.curation.removals import administered_removals, may_remove
from archive.dicom.uids import is_valid_uid
from archive.errors import NotVisibleError
from archive.models import Instance, Removal, Series, Study, Tombstone
from archive.models.access import READING_ROLES
from archive.models.querysets import DELETED, readable_projects

if TYPE_CHECKING:
    from datetime import date

    from django.core.paginator import Page

    from archive.curation.types import ObjectPath
    from archive.models.querysets import AnyUser

PAGE_SIZE = 50
_ROWS = {"study": Study, "series": Series, "instance": Instance}
_PATHS = {
    "study": {"study": "study_instance_uid"},
    "series": {"study": "study__study_instance_uid", "series": "series_instance_uid"},
    "instance": {
        "study": "series__study__study_instance_uid",
        "series": "series__series_instance_uid",
        "instance": "sop_instance_uid",
    },
}


@dataclass(frozen=True, slots=True)
class RemovalRow:
    """A removal as it is listed; of a purged study nothing but UIDs is left."""

    removal: Removal
    study_date: date | None
    patient_name: str
    description: str
    is_undoable: bool


def removal_page(user: AnyUser, number: object) -> Page[RemovalRow]:
    """Return a page of removals in projects of which the user is a radiology admin.

    Parameters
    ----------
    user
        the asker
    number
        of the page, from 1; what is none gives the first
    """
    rows = administered_removals(user).select_related("removed_by", "undone_by")
    page: Any = Paginator(rows, PAGE_SIZE).get_page(number)  # type: ignore[arg-type]
    uids = {removal.study_instance_uid for removal in page.object_list}
    seen = Study.objects.visible_with_deleted_to(user).filter(study_instance_uid__in=uids)
    studies = {study.study_instance_uid: study for study in seen.select_related("patient")}
    page.object_list = [
        _row(removal, studies.get(removal.study_instance_uid)) for removal in page.object_list
    ]
    found: Page[RemovalRow] = page
    return found


def removal_rows(user: AnyUser, *, offset: int, limit: int) -> tuple[int, list[RemovalRow]]:
    """Return how many removals there are, and some of them, as `removal_page` lists them.

    Parameters
    ----------
    user
        the asker
    offset, limit
        of the list, newest first
    """
    rows = administered_removals(user).select_related("removed_by", "undone_by")
    return rows.count(), [_bare_row(one) for one in rows[offset : offset + limit]]


def removal_row(user: AnyUser, removal_id: int) -> RemovalRow:
    """Return one removal; NotVisibleError where there is none for the user.

    Parameters
    ----------
    user
        the asker
    removal_id
        its key
    """
    rows = administered_removals(user).select_related("removed_by", "undone_by")
    removal = rows.filter(pk=removal_id).first()
    if removal is None:
        raise NotVisibleError("There is no such removal.")
    return _bare_row(removal)


def _bare_row(removal: Removal) -> RemovalRow:
    """Return it without words of the patient."""
    is_open = removal.undone_at is None and removal.purged_at is None
    return RemovalRow(removal, None, "", "", is_open)


def _row(removal: Removal, study: Study | None) -> RemovalRow:
    return RemovalRow(
        removal=removal,
        study_date=study.study_date if study else None,
        patient_name=study.patient.patient_name if study else "",
        description=study.study_description if study else "",
        is_undoable=study is not None and removal.undone_at is None and removal.purged_at is None,
    )


def is_removable(user: AnyUser, study_uid: str) -> bool:
    """Whether the user sees the study and may delete in it.

    Parameters
    ----------
    user
        the asker
    study_uid
        its Study Instance UID
    """
    if not is_radiology_admin(user):
        return False
    study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    return study is not None and may_remove(user, study)


def is_gone(user: AnyUser, path: ObjectPath) -> bool:
    """Whether the path leads to what was deleted or purged, and the user could see it.

    Parameters
    ----------
    user
        the asker; to others it is the same as never there
    path
        of which nothing is visible
    """
    if not all(map(is_valid_uid, path.uids)):
        return False
    return _is_deleted(user, path) or _is_purged(user, path)


def _is_deleted(user: AnyUser, path: ObjectPath) -> bool:
    level = str(path.level)
    given = {column: getattr(path, name) for name, column in _PATHS[level].items()}
    if level == "instance" and path.series is None:
        del given["series__series_instance_uid"]
    rows: Any = _ROWS[level].objects  # type: ignore[attr-defined]
    return bool(rows.visible_with_deleted_to(user).filter(withheld=DELETED, **given).exists())


def _is_purged(user: AnyUser, path: ObjectPath) -> bool:
    given = {
        "study_instance_uid": path.study,
        "series_instance_uid": path.series,
        "sop_instance_uid": path.instance,
    }
    # Whether it was without identities is not known any more: not for those who see only such.
    projects = readable_projects(user, READING_ROLES).values("pk")
    removals = Removal.projects.through.objects.filter(project_id__in=projects)
    return Tombstone.objects.filter(
        **{column: uid for column, uid in given.items() if uid is not None},
        removal__in=removals.values("removal_id"),
    ).exists()
