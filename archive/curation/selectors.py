"""What was removed, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.dicom.uids import is_valid_uid
from archive.models import Instance, Removal, Series, Study, Tombstone
from archive.models.access import READING_ROLES
from archive.models.querysets import DELETED, readable_projects

if TYPE_CHECKING:
    from archive.curation.types import ObjectPath
    from archive.models.querysets import AnyUser

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
