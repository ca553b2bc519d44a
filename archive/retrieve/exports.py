"""Studies into a folder of this machine, for the site's operator."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.audit import services as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import BlobMissingError, NotVisibleError, StorageError
from archive.models import Instance, Study
from archive.retrieve.files import outgoing_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from archive.audit.types import Asker
    from archive.models import Project


@dataclass(frozen=True)
class Exported:
    """One instance and where it lies; ``is_missing`` where the archive has lost its bytes."""

    path: Path
    is_new: bool = True
    is_missing: bool = False


def find_studies(*, uids: Iterable[str], project: Project | None) -> list[str]:
    """Return the Study Instance UIDs to export: those named, or a project's.

    Parameters
    ----------
    uids
        Study Instance UIDs
    project
        all its studies, where no UID is given

    Raises
    ------
    NotVisibleError
        A UID names no study.
    """
    wanted = list(dict.fromkeys(uids))
    studies = Study.objects.order_by("pk")
    if not wanted:
        rows = studies.filter(projects=project) if project is not None else studies
        return list(rows.values_list("study_instance_uid", flat=True))
    known = set(
        studies.filter(study_instance_uid__in=wanted).values_list("study_instance_uid", flat=True)
    )
    for uid in wanted:
        if uid not in known:
            raise NotVisibleError(f"There is no study {uid}.")
    return wanted


def export_study(*, asker: Asker, study_uid: str, folder: Path) -> Iterator[Exported]:
    """Write a study's instances as ``study/series/instance.dcm``, named by their UIDs.

    A file that is there in its full size is left as it is, so that an export goes on where it
    stopped. Each file appears whole or not at all.

    Parameters
    ----------
    asker
        for the audit trail, which is written first
    study_uid
        Study Instance UID
    folder
        made where missing

    Yields
    ------
    each instance

    Raises
    ------
    StorageError
        The folder can't be written.
    """
    rows = (
        Instance.objects.shown()
        .filter(series__study__study_instance_uid=study_uid)
        .select_related("blob", "series__study")
        .order_by("series_id", "pk")
    )
    audit.record_transfer(asker, study_instance_uid=study_uid, instances=rows.count())
    for instance in rows.iterator(chunk_size=200):
        path = folder / _name(instance)
        try:
            yield _export(instance, path)
        except BlobMissingError:
            yield Exported(path, is_missing=True)


def _name(instance: Instance) -> str:
    """Return the path of an instance: digits and dots alone."""
    series = instance.series
    uids = (
        series.study.study_instance_uid,
        series.series_instance_uid,
        instance.sop_instance_uid,
    )
    if not all(is_valid_uid(uid) for uid in uids):
        message = "An instance's UID is no UID: it can't name a file."
        raise StorageError(message, code="invalid-uid")
    return "/".join(uids) + ".dcm"


def _export(instance: Instance, path: Path) -> Exported:
    file = outgoing_file(instance, wanted=("*",))
    if path.exists() and path.stat().st_size == file.size_bytes:
        return Exported(path, is_new=False)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            for chunk in file.chunks:
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        message = f"{path.parent} can't be written: {os.strerror(error.errno or 0)}."
        raise StorageError(message) from error
    return Exported(path)
