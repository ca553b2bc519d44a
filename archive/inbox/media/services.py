"""Studies as a medium: files with an index, as one ZIP that is put onto a disc or a stick."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext
from pydicom.uid import UID, generate_uid

from archive.audit import collections as audit
from archive.collections.rights import exportable_studies, find_collection, visible_items
from archive.dicom.directory import DirectoryBuilder
from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.errors import (
    ArchiveError,
    InvalidRequestError,
    LimitExceededError,
    NotAcceptableError,
    NotAllowedError,
    NotVisibleError,
    PixelDecodingError,
)
from archive.inbox.media.zipping import stream_members
from archive.models import Instance, Study
from archive.retrieve.datasets import load_dataset
from archive.retrieve.files import outgoing_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.audit.types import Asker
    from archive.retrieve.files import OutgoingFile

logger = logging.getLogger(__name__)

MAX_STUDIES = 200
MAX_INSTANCES = 100_000
FILE_SET_ID = "TWINSIGHT"


@dataclass(frozen=True)
class Medium:
    """A ZIP to send: its name, and its bytes while they are made."""

    name: str
    chunks: Iterator[bytes]


@dataclass
class _Listed:
    """A study as the pages of the medium list it."""

    study: Study
    folder: str
    files: int = 0
    left_out: int = 0
    series: set[int] = field(default_factory=set)


def collection_studies(*, asker: Asker, collection_id: int) -> list[str]:
    """Return the studies of a collection that the asker sees.

    Raises
    ------
    NotVisibleError
        There is no such collection.
    """
    user: Any = asker.user
    collection = find_collection(user, collection_id)
    rows = visible_items(user).filter(collection=collection)
    uids = rows.order_by("position", "pk").values_list("study__study_instance_uid", flat=True)
    return list(dict.fromkeys(uids))


def write_medium(
    *, asker: Asker, study_uids: Iterable[str], keeps_compression: bool = False
) -> Medium:
    """Prepare a medium of studies; the audit trail has it before the first byte goes.

    Parameters
    ----------
    asker
        who sees the studies, and may take images out of one of the projects of each
    study_uids
        which
    keeps_compression
        whether files stay compressed as they are stored; else they are what every reader of
        media takes: explicit VR little endian

    Raises
    ------
    NotVisibleError
        A study is not there, or not for the asker.
    NotAllowedError
        The asker's role does not allow to take a study out.
    LimitExceededError
        There are too many studies or instances.

    References
    ----------
    DICOM PS3.10 sections 7 and 8, PS3.11 annex D (General Purpose CD-R); IHE RAD TF-1 section 15
    (Portable Data for Imaging)
    """
    user: Any = asker.user
    studies = _studies(user, list(dict.fromkeys(study_uids)))
    rows = _instances(user, studies)
    if rows.count() > MAX_INSTANCES:
        raise LimitExceededError(
            gettext("A medium holds at most %(most)s instances.") % {"most": MAX_INSTANCES}
        )
    with transaction.atomic():
        for study in studies:
            audit.record_export(
                asker,
                study_instance_uid=study.study_instance_uid,
                instances=study.number_of_study_related_instances,
                is_deidentified=False,
                details={"kind": "medium", "keeps_compression": keeps_compression},
            )
    members = _Members(studies, keeps_compression=keeps_compression)
    chunks = stream_members(members.of(rows.iterator(chunk_size=200)))
    return Medium(f"medium-{timezone.now():%Y%m%d-%H%M}.zip", chunks)


def _studies(user: Any, uids: Sequence[str]) -> list[Study]:
    if not uids:
        raise InvalidRequestError(
            gettext("Name the studies that shall be on the medium."), code="empty"
        )
    if len(uids) > MAX_STUDIES:
        raise LimitExceededError(
            gettext("A medium holds at most %(most)s studies.") % {"most": MAX_STUDIES}
        )
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    studies = list(rows.select_related("patient").order_by("patient_id", "study_date", "pk"))
    if len(studies) != len(uids):
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    allowed = exportable_studies(user, [study.pk for study in studies])
    if any(study.pk not in allowed for study in studies):
        raise NotAllowedError(
            gettext("Your role in its project does not allow you to take images out.")
        )
    return studies


def _instances(user: Any, studies: Sequence[Study]) -> Any:
    rows = Instance.objects.visible_to(user).filter(withheld="", series__withheld="")
    return (
        rows.filter(series__study__in=[study.pk for study in studies])
        .select_related("blob", "series__study__patient")
        .order_by("series__study__patient_id", "series__study_id", "series_id", "pk")
    )


class _Members:
    """The files of a medium, made one by one; the index comes last, when all are known."""

    def __init__(self, studies: Sequence[Study], *, keeps_compression: bool) -> None:
        self._listed = {
            study.pk: _Listed(study, f"ST{number:06d}") for number, study in enumerate(studies, 1)
        }
        self._wanted = ("*",) if keeps_compression else (EXPLICIT_LITTLE,)
        self._directory = DirectoryBuilder(FILE_SET_ID, str(generate_uid()))

    def of(
        self, instances: Iterable[Instance]
    ) -> Iterator[tuple[str, Iterable[bytes | memoryview]]]:
        """Yield the instances' files, then the index and the pages for people."""
        for instance in instances:
            listed = self._listed[instance.series.study_id]
            file_id = self._file_id(listed, instance)
            try:
                file = self._outgoing(instance)
                header = load_dataset(instance, stop_before_pixels=True)
                header.file_meta.TransferSyntaxUID = UID(file.transfer_syntax_uid)
                self._directory.add(header, file_id)
            except ArchiveError as error:
                logger.warning("an instance is not on the medium: %s", error.code)
                listed.left_out += 1
                continue
            listed.files += 1
            yield "/".join(file_id), file.chunks
        yield "DICOMDIR", [self._directory.to_bytes()]
        context = {"studies": list(self._listed.values()), "made_at": timezone.now()}
        yield "INDEX.HTM", [render_to_string("inbox/media/index.html", context).encode()]
        yield "README.TXT", [render_to_string("inbox/media/readme.txt", context).encode()]

    def _file_id(self, listed: _Listed, instance: Instance) -> tuple[str, ...]:
        listed.series.add(instance.series_id)
        number = listed.files + listed.left_out + 1
        return ("DICOM", listed.folder, f"SE{len(listed.series):06d}", f"IM{number:06d}")

    def _outgoing(self, instance: Instance) -> OutgoingFile:
        try:
            return outgoing_file(instance, self._wanted)
        except (NotAcceptableError, PixelDecodingError):
            # A video, or what no decoder manages: better as it is than not at all.
            return outgoing_file(instance, ("*",))
