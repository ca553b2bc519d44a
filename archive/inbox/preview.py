"""What an upload would come to, for the person who decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Q, Sum

from archive.audit import inbox as audit
from archive.dicom.elements import ElementReader
from archive.dicom.reading import read_header
from archive.errors import InvalidInstanceError
from archive.inbox import spool
from archive.inbox.outlook import known_studies
from archive.inbox.selectors import find_batch, problems_of
from archive.inbox.types import PreviewStudy, Problem
from archive.inbox.working import work_on
from archive.models import UploadFile

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import UploadBatch
    from archive.models.querysets import AnyUser

# So many studies are shown with names out of their files; the counts hold all.
SHOWN_STUDIES = 100
_BRIEFLY_S = 1.5
_SMALL_BYTES = 64 * 1024 * 1024
_PATIENT_ID, _NAME, _BIRTH, _SEX = 0x00100020, 0x00100010, 0x00100030, 0x00100040
_DATE, _DESCRIPTION, _MODALITY = 0x00080020, 0x00081030, 0x00080060


@dataclass(frozen=True)
class Preview:
    """What an upload holds and what would become of it."""

    batch: UploadBatch
    outlook: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    patients: int = 0
    number_of_studies: int = 0
    studies: list[PreviewStudy] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    to_wrap: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many files would not be archived."""
        return self.outlook.get("quarantine", 0) + self.outlook.get("refused", 0)


def work_briefly(batch_id: int) -> None:
    """Begin with an upload at once: small ones are done before the answer leaves.

    Large ones are left to the workers: a step may take a minute.
    """
    files = UploadFile.objects.filter(batch=batch_id, state=UploadFile.State.RECEIVED)
    size = files.aggregate(size=Sum("size_bytes"))["size"] or 0
    if size <= _SMALL_BYTES:
        work_on(batch_id, for_s=_BRIEFLY_S)


def preview_of(*, asker: Asker, batch_id: int) -> Preview:
    """Return what storing an upload would come to; names are read out of its files.

    Raises
    ------
    NotVisibleError
        There is no such upload for the asker.
    """
    user: AnyUser = asker.user  # type: ignore[assignment]  # doors have one
    batch = find_batch(user, batch_id)
    files = UploadFile.objects.filter(batch=batch).exclude(state=UploadFile.State.UNPACKED)
    audit.record_upload_preview(asker, batch=batch.pk, files=files.count())
    patients = files.exclude(sop_instance_uid="").order_by().values("patient_id").distinct()
    studies = files.exclude(study_instance_uid="").order_by().values("study_instance_uid")
    wrapped = files.filter(state=UploadFile.State.RECEIVED, outlook="wrap")
    return Preview(
        batch=batch,
        outlook=_counts(files, "outlook"),
        kinds=_counts(files, "kind"),
        patients=patients.count(),
        number_of_studies=studies.distinct().count(),
        studies=_studies(batch),
        problems=problems_of(batch),
        to_wrap=list(wrapped.order_by("pk").values_list("name", flat=True)[:200]),
    )


def _counts(files: Any, name: str) -> dict[str, int]:
    rows = files.exclude(**{name: ""}).order_by().values(name).annotate(files=Count("pk"))
    return {row[name]: row["files"] for row in rows}


def _studies(batch: UploadBatch) -> list[PreviewStudy]:
    rows = list(
        UploadFile.objects.filter(batch=batch)
        .exclude(study_instance_uid="")
        .order_by()
        .values("study_instance_uid")
        .annotate(
            patient=Max("patient_id"),
            files=Count("pk"),
            new=Count("pk", filter=Q(outlook="new")),
            duplicates=Count("pk", filter=Q(outlook="duplicate")),
            problems=Count("pk", filter=Q(outlook__in=("quarantine", "refused"))),
            warning=Max("reason", filter=Q(outlook="new")),
        )
        .order_by("patient", "study_instance_uid")[:SHOWN_STUDIES]
    )
    uids = [row["study_instance_uid"] for row in rows]
    known = known_studies(batch, uids)
    spooled = _example_files(batch, uids)
    return [
        PreviewStudy(
            study_uid=row["study_instance_uid"],
            files=row["files"],
            new=row["new"],
            duplicates=row["duplicates"],
            problems=row["problems"],
            known=row["study_instance_uid"] in known,
            warning=row["warning"] or "",
            **_words(spooled.get(row["study_instance_uid"], []), row["patient"] or ""),
        )
        for row in rows
    ]


def _example_files(batch: UploadBatch, uids: list[str]) -> dict[str, list[str]]:
    """Return a file of each series of the studies, a few a study."""
    rows = (
        UploadFile.objects.filter(batch=batch, study_instance_uid__in=uids)
        .exclude(spool_name="")
        .order_by("study_instance_uid", "series_instance_uid", "outlook", "pk")
        .distinct("study_instance_uid", "series_instance_uid")
        .values_list("outlook", "study_instance_uid", "spool_name")
    )
    found: dict[str, list[str]] = {}
    # What would be refused may name another patient: it speaks last.
    for _, uid, name in sorted(rows, key=lambda row: row[0] in {"quarantine", "refused"}):
        if len(found.setdefault(uid, [])) < 4:
            found[uid].append(name)
    return found


def _words(names: list[str], patient_id: str) -> dict[str, str]:
    """Read who and what a study is out of its files."""
    words: dict[str, str] = {}
    modalities = []
    for name in names:
        try:
            ds = read_header(spool.place(name)).ds
        except (InvalidInstanceError, OSError):
            continue
        reader = ElementReader(ds)
        modalities.append(reader.code(_MODALITY))
        words = words or {
            "patient_id": reader.text(_PATIENT_ID, 64),
            "patient_name": reader.text(_NAME, 324, is_person_name=True),
            "birth_date": _day(reader.code(_BIRTH)),
            "sex": reader.code(_SEX),
            "date": _day(reader.code(_DATE)),
            "description": reader.text(_DESCRIPTION, 255),
        }
    shown = " ".join(dict.fromkeys(one for one in modalities if one))
    return {"patient_id": patient_id, **words, "modalities": shown}


def _day(value: str) -> str:
    """Return a day of DICOM's as people read it; other texts as they are."""
    is_day = len(value) == 8 and value.isascii() and value.isdecimal()
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if is_day else value
