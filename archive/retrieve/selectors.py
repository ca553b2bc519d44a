"""Which objects a retrieval means, inside the asker's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.uids import is_valid_uid
from archive.errors import NotVisibleError
from archive.models import Instance, Series, Study
from archive.retrieve.found import find_instances

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser


def visible_study(user: AnyUser, study_instance_uid: str) -> Study:
    """Return the study.

    Parameters
    ----------
    user
        the asker
    study_instance_uid
        its UID

    Raises
    ------
    NotVisibleError
        It is not there, or not for this user.
    """
    study: Study | None = None
    if is_valid_uid(study_instance_uid):
        rows = Study.objects.visible_to(user).select_related("patient")
        study = rows.filter(study_instance_uid=study_instance_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study.")
    return study


def visible_series(user: AnyUser, study_instance_uid: str, series_instance_uid: str) -> Series:
    """Return the series of the study.

    Parameters
    ----------
    user
        the asker
    study_instance_uid, series_instance_uid
        the path to it

    Raises
    ------
    NotVisibleError
        It is not there, or not for this user.
    """
    series: Series | None = None
    if is_valid_uid(study_instance_uid) and is_valid_uid(series_instance_uid):
        rows = Series.objects.visible_to(user).select_related("study__patient")
        series = rows.filter(
            study__study_instance_uid=study_instance_uid, series_instance_uid=series_instance_uid
        ).first()
    if series is None:
        raise NotVisibleError("There is no such series.")
    return series


def visible_instances(
    user: AnyUser,
    *,
    study_instance_uid: str,
    series_instance_uid: str | None = None,
    sop_instance_uid: str | None = None,
) -> list[Instance]:
    """Return the instances of a study, of a series, or one instance; never none.

    Of a whole study, rejected results and instances are left out: they are given where named.

    Parameters
    ----------
    user
        the asker
    study_instance_uid, series_instance_uid, sop_instance_uid
        the path, as far as it is given

    Returns
    -------
    instances with blob, series and study loaded, by series and instance number

    Raises
    ------
    NotVisibleError
        There is nothing at the path, or nothing for this user.
    """
    path = {"study": study_instance_uid, "series": series_instance_uid, "sop": sop_instance_uid}
    found: list[Instance] = []
    if all(is_valid_uid(uid) for uid in path.values() if uid is not None):
        found = find_instances(user, path)
    if not found:
        raise NotVisibleError("There is no such object.")
    # Of a series those that a note rejected are left out, unless it rejected all of them.
    return [one for one in found if not one.withheld] or found


def visible_instance(
    user: AnyUser, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
) -> Instance:
    """Return one instance.

    Parameters
    ----------
    user
        the asker
    study_instance_uid, series_instance_uid, sop_instance_uid
        the path to it

    Raises
    ------
    NotVisibleError
        It is not there, or not for this user.
    """
    return visible_instances(
        user,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        sop_instance_uid=sop_instance_uid,
    )[0]


def instances_by_uid(user: AnyUser, sop_instance_uids: list[str]) -> list[Instance]:
    """Return those of the instances that the user may see.

    Parameters
    ----------
    user
        the asker
    sop_instance_uids
        their UIDs, from anywhere
    """
    wanted = [uid for uid in sop_instance_uids if is_valid_uid(uid)]
    return list(_loaded(Instance.objects.visible_to(user)).filter(sop_instance_uid__in=wanted))


def _loaded(rows: QuerySet[Instance]) -> QuerySet[Instance]:
    return rows.select_related("blob", "series__study").order_by(
        "series__series_number", "series_id", "instance_number", "pk"
    )


def series_instances(series_pk: int) -> list[Instance]:
    """Return a series' instances in the order of its slices; rights are the caller's matter.

    Parameters
    ----------
    series_pk
        key of the series

    Returns
    -------
    instances with blob, series and study loaded, by position along the slice normal where all
    have one, else by instance number
    """
    instances = list(_loaded(Instance.objects.shown().filter(series_id=series_pk)))
    positions = [slice_position(instance) for instance in instances]
    if any(position is None for position in positions):
        return instances
    order = sorted(range(len(instances)), key=lambda index: positions[index] or 0.0)
    return [instances[index] for index in order]


def slice_position(instance: Instance) -> float | None:
    """Distance of an image from the origin along its own normal.

    Parameters
    ----------
    instance
        an image with position and orientation, in LPS

    Returns
    -------
    millimetres, or None where position or orientation is not known

    References
    ----------
    DICOM PS3.3 C.7.6.2.1.1
    """
    position, plane = instance.image_position_patient, instance.image_orientation_patient
    if not position or not plane or len(position) != 3 or len(plane) != 6:
        return None
    (rx, ry, rz), (cx, cy, cz) = plane[:3], plane[3:]
    normal = (ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx)
    return float(sum(a * b for a, b in zip(position, normal, strict=True)))
