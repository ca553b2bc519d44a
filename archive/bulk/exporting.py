"""Many studies as one ZIP: written study by study, whole after each of them, gone after a day."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from archive.audit import jobs as audit
from archive.bulk.growing_zip import entry, files_of, folders_of, grown, has_folder, take_back
from archive.bulk.registry import known_act
from archive.bulk.selectors import find_job
from archive.collections.rights import exportable_studies
from archive.dicom.uids import is_valid_uid
from archive.errors import (
    BlobMissingError,
    GoneError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    StorageError,
    StorageFullError,
)
from archive.models import BulkJob, Instance, Study
from archive.retrieve.files import outgoing_file

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from archive.audit.types import Asker
    from archive.bulk.types import Work

KEPT = timedelta(hours=24)
_CHUNK_BYTES = 1024 * 1024
_ASKED_AT_ONCE = 2000


def exports_folder() -> Path:
    """Return where finished files lie; made where missing, for nobody else to read."""
    folder = Path(settings.TWINSIGHT_EXPORTS)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def export_study(work: Work, study_uid: str) -> str:
    """Add a study to the job's ZIP.

    The ZIP is whole before and after; a worker that dies in between is followed by one that
    takes it back to what it was.

    Parameters
    ----------
    work
        whose asker may take the study out
    study_uid
        Study Instance UID

    Returns
    -------
    how many files were added

    Raises
    ------
    NotVisibleError
        The study is not there for the asker.
    NotAllowedError
        The asker may only look.
    StorageFullError
        The disk is nearly full.
    """
    study, rows = _exportable(work.asker, study_uid)
    require_room(study)
    if result_holds(work, study_uid):
        return "It is in the file already."
    audit.record_job_export(
        work.asker, study_instance_uid=study_uid, job=work.job, instances=len(rows)
    )
    missing = 0
    with grown_result(work) as archive:
        for instance in rows:
            missing += not _add(archive, instance, work.keep)
            work.keep()
    lost = f", {missing} of which the archive has lost the bytes" if missing else ""
    return f"{len(rows)} files{lost}"


def result_holds(work: Work, folder: str) -> bool:
    """Whether the job's ZIP has a folder already, what a dead worker began taken back."""
    path = result_path(BulkJob.objects.get(pk=work.job))
    take_back(path)
    return has_folder(path, folder)


@contextlib.contextmanager
def grown_result(work: Work) -> Iterator[zipfile.ZipFile]:
    """Add to the job's ZIP, all of it or nothing, and note how large it has become."""
    path = result_path(BulkJob.objects.get(pk=work.job))
    with grown(path) as archive:
        yield archive
    BulkJob.objects.filter(pk=work.job).update(result_bytes=path.stat().st_size)


def finish_export(work: Work) -> None:
    """Say until when the file may be fetched."""
    job = BulkJob.objects.get(pk=work.job)
    if not job.result_name:
        return
    path = exports_folder() / job.result_name
    take_back(path)
    if not path.exists():
        return  # nothing came of any study
    BulkJob.objects.filter(pk=job.pk).update(
        result_until=timezone.now() + KEPT, result_bytes=path.stat().st_size
    )


def open_result(*, asker: Asker, job_id: int) -> tuple[BinaryIO, str, int]:
    """Open the file that a job made; on record before its first byte leaves.

    Returns
    -------
    the open file, a name for it, its size

    Raises
    ------
    NotVisibleError
        It is no job of the asker's, or it made no file.
    GoneError
        The file's time is over.
    """
    job = find_job(asker.user, job_id)
    if not job.result_name or job.finished_at is None or job.result_until is None:
        raise NotVisibleError("This job has made no file.")
    path = exports_folder() / job.result_name
    if job.result_until <= timezone.now() or not path.exists():
        raise GoneError("The file was kept for a day and is gone.")
    # What may no longer be seen does not leave either.
    uids = list(job.items.filter(state="done").values_list("study_instance_uid", flat=True))
    act = known_act(job.act)
    if act and act.recheck:
        act.recheck(asker, uids)
    else:
        # What lies in it counts, too: a worker may have died between writing and saying so.
        _require_still_exportable(asker, sorted({*uids, *folders_of(path)}))
        _require_still_shown(path)
    size = path.stat().st_size
    audit.record_result_taken(asker, job=job.pk, size_bytes=size)
    return path.open("rb"), f"studies-{job.pk}.zip", size


def _require_still_exportable(asker: Asker, uids: Sequence[str]) -> None:
    user: Any = asker.user
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    keys = list(rows.values_list("pk", flat=True))
    if len(keys) < len(uids) or len(exportable_studies(user, keys)) < len(uids):
        raise NotAllowedError("It holds a study that you may no longer take out; export again.")


def _require_still_shown(path: Path) -> None:
    """Refuse a file with an image that was deleted, withheld or moved to another study since."""
    files = [name.removesuffix(".dcm").split("/") for name in files_of(path)]
    for start in range(0, len(files), _ASKED_AT_ONCE):
        held = {(study, uid) for study, _, uid in files[start : start + _ASKED_AT_ONCE]}
        rows = Instance.objects.shown().filter(
            series__withheld="", sop_instance_uid__in=[uid for _, uid in held]
        )
        shown = rows.values_list("series__study__study_instance_uid", "sop_instance_uid")
        if not held <= set(shown.order_by()):
            raise NotAllowedError("It holds an image that is no longer shown; export again.")


def remove_old_results() -> int:
    """Remove files whose time is over, and those that no open job writes; return how many."""
    folder = exports_folder()
    now = timezone.now()
    # Of a job that was stopped between two steps nobody said until when.
    is_over = Q(result_until__lte=now) | Q(result_until=None, finished_at__isnull=False)
    gone = BulkJob.objects.exclude(result_name="").filter(is_over)
    BulkJob.objects.filter(pk__in=list(gone.values_list("pk", flat=True))).update(
        result_name="", result_bytes=0
    )
    known = set(BulkJob.objects.exclude(result_name="").values_list("result_name", flat=True))
    removed = 0
    for path in folder.glob("job-*"):
        if path.name.removesuffix(".tail") not in known:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed += 1
    return removed


def _exportable(asker: Asker, study_uid: str) -> tuple[Study, list[Instance]]:
    user: Any = asker.user
    study = Study.objects.visible_to(user).filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    if not exportable_studies(user, [study.pk]):
        raise NotAllowedError("Your role in its project only allows you to look.")
    shown = Instance.objects.visible_to(user).filter(withheld="", series__withheld="")
    rows = shown.filter(series__study=study).select_related("blob", "series__study")
    return study, list(rows.order_by("series__series_number", "series_id", "instance_number", "pk"))


def require_room(study: Study) -> None:
    """Raise where the disk, or one export, has no room for a study."""
    free = shutil.disk_usage(exports_folder()).free
    if free - study.stored_bytes < int(settings.TWINSIGHT_STORAGE_RESERVE_BYTES):
        raise StorageFullError("There is no room on the disk for this export.")
    if study.stored_bytes > int(settings.TWINSIGHT_EXPORT_MAX_BYTES):
        raise LimitExceededError("The study is too large for an export.")


def result_path(job: BulkJob) -> Path:
    """Return where the file of a job is written, named on first use."""
    if not job.result_name:
        job.result_name = f"job-{job.pk}-{secrets.token_hex(8)}.zip"
        BulkJob.objects.filter(pk=job.pk).update(result_name=job.result_name)
    return exports_folder() / str(job.result_name)


def _add(archive: zipfile.ZipFile, instance: Instance, keep: Callable[[], None]) -> bool:
    """Write an instance under its UIDs; say whether its bytes are there."""
    series = instance.series
    uids = (
        series.study.study_instance_uid,
        series.series_instance_uid,
        instance.sop_instance_uid,
    )
    if not all(is_valid_uid(uid) for uid in uids):
        raise StorageError("An instance's UID is no UID: it can't name a file.", code="invalid-uid")
    try:
        file = outgoing_file(instance, wanted=("*",))
    except BlobMissingError:
        return False
    info = entry("/".join(uids) + ".dcm", file.size_bytes)
    with archive.open(info, "w", force_zip64=file.size_bytes > 2**31) as stream:
        for chunk in file.chunks:
            stream.write(chunk)
            # A large one takes longer than a lease.
            keep()
    return True


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Give a file in pieces, and close it."""
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
