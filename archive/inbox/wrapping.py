"""Pictures, documents, volumes and videos as DICOM objects, with what a person says of them."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext

from archive.access import selectors as access
from archive.dicom.assembling import part10_chunks
from archive.dicom.wrapping.documents import check_pdf, wrap_pdf
from archive.dicom.wrapping.mp4 import read_mp4
from archive.dicom.wrapping.pictures import wrap_picture
from archive.dicom.wrapping.reading import open_picture, open_volume
from archive.dicom.wrapping.subject import Place, Subject
from archive.dicom.wrapping.videos import wrap_video
from archive.dicom.wrapping.volumes import slices_of, wrap_as_multiframe, wrap_slices
from archive.errors import InvalidInstanceError, LimitExceededError
from archive.inbox import spool, values
from archive.inbox.errors import InvalidFieldError
from archive.inbox.types import NIFTI, PDF, PICTURE, VIDEO
from archive.models import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from archive.dicom.wrapping.subject import MadeObject
    from archive.models import UploadBatch, UploadFile
    from archive.models.querysets import AnyUser

MAX_TIMES = 64
_TAIL_BYTES = 2048
# Of these modalities slices are images of their own kind; of others they are one multi-frame.
_SLICED = frozenset({"CT", "MR"})
_SERIES_NUMBERS = {PICTURE: 9101, PDF: 9102, VIDEO: 9103, NIFTI: 9110}
_CHECKS: dict[str, Callable[[object, str], str]] = {
    "study_uid": values.uid_of,
    "patient_id": values.text_of,
    "issuer_of_patient_id": values.text_of,
    "patient_name": values.name_of,
    "birth_date": values.date_of,
    "sex": values.sex_of,
    "study_date": values.date_of,
    "study_description": values.text_of,
    "modality": values.code_of,
    "series_description": values.text_of,
    "body_part": values.code_of,
    "laterality": values.code_of,
}


def check_wrapping(user: AnyUser, said: Mapping[str, object]) -> dict[str, str]:
    """Return what a person said about files that are no DICOM, checked and completed.

    Parameters
    ----------
    user
        whose rights decide which study may be added to
    said
        ``study_uid`` of a study that is here, or ``patient_id`` and more of a new one;
        ``modality``, ``series_description``, ``body_part``, ``laterality``

    Returns
    -------
    the same by name, as DICOM writes it; of a known study with the patient's values out of it

    Raises
    ------
    InvalidFieldError
        A value can't stand there, or the study is not one to add to.
    """
    unknown = sorted(set(said) - set(_CHECKS) - {"accession_number"})
    if unknown:
        raise InvalidFieldError(gettext("There is no such value."), field=unknown[0])
    checked = {name: check(said.get(name), name) for name, check in _CHECKS.items()}
    checked["accession_number"] = values.text_of(
        said.get("accession_number"), "accession_number", limit=16
    )
    if checked["laterality"] not in {"", "L", "R", "B"}:
        raise InvalidFieldError(gettext("One of L, R, B, or nothing."), field="laterality")
    if checked["study_uid"]:
        return checked | _known_study(user, checked["study_uid"])
    if not checked["patient_id"]:
        message = "Say whose it is: a Patient ID, or the study that it belongs to."
        raise InvalidFieldError(message, field="patient_id")
    if not checked["patient_name"]:
        raise InvalidFieldError(
            gettext("A new study needs the patient's name."), field="patient_name"
        )
    return checked


def _known_study(user: AnyUser, study_uid: str) -> dict[str, str]:
    rows = Study.objects.visible_to(user).select_related("patient")
    study = rows.filter(study_instance_uid=study_uid).first()
    if study is None:
        message = "There is no such study, or it is outside your projects."
        raise InvalidFieldError(message, field="study_uid")
    person: Any = user
    if not access.may_add_to(person, study):
        raise InvalidFieldError(gettext("This study is not yours to add to."), field="study_uid")
    patient = study.patient
    return {
        "patient_id": patient.dicom_patient_id,
        "issuer_of_patient_id": patient.issuer_of_patient_id,
        "patient_name": patient.patient_name,
        "birth_date": patient.patient_birth_date.strftime("%Y%m%d")
        if patient.patient_birth_date
        else "",
        "sex": patient.patient_sex,
        "study_date": study.study_date.strftime("%Y%m%d") if study.study_date else "",
        "study_time": study.study_time.strftime("%H%M%S") if study.study_time else "",
        "study_id": study.dicom_study_id,
        "study_description": study.study_description,
        "accession_number": study.accession_number,
    }


def wrapped_objects(batch: UploadBatch, row: UploadFile) -> Iterator[Iterable[bytes]]:
    """Yield the Part 10 files that a file becomes, each as its bytes in order.

    The UIDs follow from the upload and the file: made again after a worker's death they are the
    same objects.

    Raises
    ------
    InvalidInstanceError
        The file can't be read, or DICOM has no place for it.
    LimitExceededError
        It is too large.
    """
    makers = {PICTURE: _picture, PDF: _document, VIDEO: _video, NIFTI: _volume}
    subject = _subject(batch)
    for made in makers[row.kind](batch, row, subject):
        yield part10_chunks(made.ds, made.bulk, made.transfer_syntax_uid)


def _subject(batch: UploadBatch) -> Subject:
    said = batch.wrapping
    return Subject(
        patient_id=said["patient_id"],
        study_instance_uid=said["study_uid"] or _uid(batch, "study"),
        issuer_of_patient_id=said.get("issuer_of_patient_id", ""),
        patient_name=said["patient_name"],
        patient_birth_date=said["birth_date"],
        patient_sex=said["sex"],
        study_date=said["study_date"] or batch.created_at.strftime("%Y%m%d"),
        study_time=said.get("study_time", ""),
        study_id=said.get("study_id", ""),
        study_description=said["study_description"],
        accession_number=said["accession_number"],
    )


def _place(batch: UploadBatch, row: UploadFile, *, series: str, number: int) -> Place:
    said = batch.wrapping
    return Place(
        series_instance_uid=_uid(batch, f"series:{series}"),
        sop_instance_uid=_uid(batch, f"instance:{row.pk}"),
        moment=batch.created_at,
        modality=said["modality"],
        series_number=number,
        instance_number=_number_within(batch, row),
        series_description=said["series_description"],
        body_part=said["body_part"],
        laterality=said["laterality"],
    )


def _number_within(batch: UploadBatch, row: UploadFile) -> int:
    """Return where a file stands among those of its kind, from 1."""
    return batch.files.filter(kind=row.kind, pk__lte=row.pk).count()


def _uid(batch: UploadBatch, what: str) -> str:
    """Return a UID that is always the same for the same thing of the same upload."""
    text = f"{batch.pk}:{batch.created_at.isoformat()}:{what}"
    digest = hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def _picture(batch: UploadBatch, row: UploadFile, subject: Subject) -> Iterator[MadeObject]:
    picture = open_picture(spool.place(row.spool_name))
    place = _place(batch, row, series="pictures", number=_SERIES_NUMBERS[PICTURE])
    if not place.modality and len(picture.samples) > 1:
        # Pages, most likely of a document.
        place = _place(batch, row, series="pages", number=_SERIES_NUMBERS[PICTURE] + 50)
    elif not place.modality and not picture.is_colour:
        place = _place(batch, row, series="grey", number=_SERIES_NUMBERS[PICTURE] + 60)
    yield wrap_picture(picture, subject, place)


def _document(batch: UploadBatch, row: UploadFile, subject: Subject) -> Iterator[MadeObject]:
    path = spool.place(row.spool_name)
    with path.open("rb") as stream:
        head = stream.read(16)
        stream.seek(max(0, row.size_bytes - _TAIL_BYTES))
        check_pdf(head, stream.read())
    place = _place(batch, row, series="documents", number=_SERIES_NUMBERS[PDF])
    title = batch.wrapping["series_description"]
    yield wrap_pdf(row.size_bytes, spool.chunks_of(row.spool_name), subject, place, title)


def _video(batch: UploadBatch, row: UploadFile, subject: Subject) -> Iterator[MadeObject]:
    with spool.place(row.spool_name).open("rb") as stream:
        facts = read_mp4(stream)
    place = _place(batch, row, series="videos", number=_SERIES_NUMBERS[VIDEO])
    chunks = spool.chunks_of(row.spool_name)
    yield wrap_video(facts, row.size_bytes, chunks, subject, place)


def _volume(batch: UploadBatch, row: UploadFile, subject: Subject) -> Iterator[MadeObject]:
    volume = open_volume(spool.place(row.spool_name))
    times = volume.voxels_ijkt.shape[3]
    if times > MAX_TIMES:
        raise LimitExceededError(
            gettext("The volume has %(times)s times; %(most)s are taken.")
            % {"times": times, "most": MAX_TIMES}
        )
    if not volume.voxels_ijkt.size:
        raise InvalidInstanceError("The volume is empty.", code="not-nifti")
    first = _SERIES_NUMBERS[NIFTI] + 100 * (_number_within(batch, row) - 1)
    frame_of_reference = _uid(batch, f"frame:{row.pk}")
    for time in range(times):
        slices = slices_of(volume, time)
        name = f"volume:{row.pk}:{time}"
        place = _place(batch, row, series=name, number=first + time)
        if place.modality in _SLICED:
            count = len(slices.samples_zyx)
            uids = [_uid(batch, f"{name}:{number}") for number in range(count)]
            yield from wrap_slices(slices, subject, place, [*uids, frame_of_reference])
        else:
            place = replace(place, sop_instance_uid=_uid(batch, name), instance_number=1)
            yield wrap_as_multiframe(slices, subject, place, frame_of_reference)
