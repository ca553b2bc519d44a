"""A collection as a teaching file or a quiz: one ZIP without identities."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.text import slugify

from archive.audit import collections as audit
from archive.collections.errors import InvalidCollectionError
from archive.collections.exports.planning import load, plan_export
from archive.collections.exports.types import (
    ExportOptions,
    ExportPlan,
    LeftOut,
    PlannedCase,
    TeachingFile,
)
from archive.collections.exports.zipping import stream_zip
from archive.collections.frames import case_frames
from archive.deid.engine import deidentify, write_deidentified
from archive.deid.holding import find_refusal
from archive.deid.profiles import make_profile
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.deid.types import Refusal
from archive.dicom.rendering import encode_image, render_frame
from archive.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from pydicom.dataset import Dataset

    from archive.audit.types import Asker
    from archive.deid.types import Profile
    from archive.models import Instance

logger = logging.getLogger(__name__)

PICTURES_A_CASE = 6
PICTURE_SIDE = 1024
FORMAT = "twinsight-teaching-file"
_FACTS = {
    "modality": "Modality",
    "body_part": "BodyPartExamined",
    "sex": "PatientSex",
    "age": "PatientAge",
}


@dataclass
class _Written:
    """What became of a case, gathered while it is written."""

    case: PlannedCase
    files: list[dict[str, str]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    # As the files themselves say it, after de-identification.
    facts: dict[str, str] = field(default_factory=dict)


def export_collection(user: User, pk: int, *, asker: Asker, options: ExportOptions) -> TeachingFile:
    """Prepare a ZIP of what may leave; the audit trail has it before the first byte goes.

    UIDs and names are keyed by a secret derived from the site's own, per collection: the same
    collection exported again gives the same UIDs, two collections can't be linked.
    """
    plan = plan_export(user, pk, options)
    if not plan.image_count:
        message = "No image of this collection can be exported; its cases say why."
        raise InvalidCollectionError(message, code="nothing-to-export")
    profile = make_profile(
        dates=options.dates, keeps_patient_characteristics=options.keeps_patient_characteristics
    )
    _record(asker, plan, options)
    pseudonyms = Pseudonyms(derive_secret(settings.SECRET_KEY, f"collection:{pk}"))
    kind = "quiz" if options.is_quiz else "teaching-file"
    name = slugify(plan.name)[:60] or "collection"
    chunks = stream_zip(_Export(plan, options, profile, pseudonyms).entries())
    return TeachingFile(f"{name}-{kind}.zip", chunks)


def _record(asker: Asker, plan: ExportPlan, options: ExportOptions) -> None:
    studies: dict[str, list[PlannedCase]] = {}
    for case in plan.cases:
        if case.images:
            studies.setdefault(case.item.study.study_instance_uid, []).append(case)
    with transaction.atomic():
        for uid, cases in studies.items():
            looked_at = [case.item.pk for case in cases if case.item.pk in options.looked_at]
            audit.record_export(
                asker,
                study_instance_uid=uid,
                instances=sum(len(case.images) for case in cases),
                is_deidentified=True,
                details={
                    "collection": plan.collection_pk,
                    "kind": "quiz" if options.is_quiz else "teaching-file",
                    "dates": options.dates.value,
                    "patient_characteristics": options.keeps_patient_characteristics,
                    "looked_at": looked_at,
                },
            )


class _Export:
    """The ZIP's entries, made one by one."""

    def __init__(
        self,
        plan: ExportPlan,
        options: ExportOptions,
        profile: Profile,
        pseudonyms: Pseudonyms,
    ) -> None:
        self._plan = plan
        self._options = options
        self._profile = profile
        self._pseudonyms = pseudonyms
        self._written: list[_Written] = []

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """Yield the cases, then the pages that tell what became of them."""
        for case in self._plan.cases:
            written = _Written(case, left_out=list(case.left_out))
            self._written.append(written)
            yield from self._case(written)
        context = self._context()
        yield "index.html", render_to_string("collections/teaching_file.html", context).encode()
        yield "manifest.json", _json(self._manifest(context))
        if self._options.is_quiz:
            yield "answers.json", _json({"cases": [_answers(one) for one in self._written]})

    def _case(self, written: _Written) -> Iterator[tuple[str, bytes]]:
        case = written.case
        wanted = _picture_frames(case)
        for number, instance in enumerate(case.images, start=1):
            try:
                yield from self._image(written, instance, number, wanted.get(instance.pk, []))
            except ArchiveError as error:
                logger.warning("an image of an export was left out: %s", error.code)
                written.left_out.append(LeftOut(Refusal(error.code, error.message), 1))

    def _image(
        self, written: _Written, instance: Instance, number: int, frames: list[int]
    ) -> Iterator[tuple[str, bytes]]:
        case = written.case
        ds = load(instance)
        is_looked_at = case.item.pk in self._options.looked_at
        refusal = find_refusal(ds, is_looked_at=is_looked_at)
        if refusal is not None:
            written.left_out.append(LeftOut(refusal, 1))
            return
        subject = f"patient:{case.item.study.patient_id}"
        made = deidentify(ds, self._profile, self._pseudonyms, subject=subject)
        pictures = [_picture(made.ds, frame) for frame in frames]
        written.facts = {name: str(made.ds.get(word) or "") for name, word in _FACTS.items()}
        uid = str(made.ds.SOPInstanceUID)
        content = write_deidentified(made)
        path = f"{case.folder}/dicom/image-{number:04d}.dcm"
        written.files.append({"path": path, "sop_instance_uid": uid})
        yield path, content
        for picture in pictures:
            name = f"{case.folder}/picture-{len(written.pictures) + 1:02d}.png"
            written.pictures.append(name)
            yield name, picture

    def _context(self) -> dict[str, Any]:
        return {
            "name": self._plan.name,
            "description": self._plan.description,
            "is_quiz": self._options.is_quiz,
            "profile": self._profile,
            "dates": self._options.dates.value,
            "has_withheld_texts": self._plan.has_withheld_texts,
            "cases": [one for one in self._written if one.files],
            "left_out": [one for one in self._written if one.left_out],
        }

    def _manifest(self, context: dict[str, Any]) -> dict[str, Any]:
        codes = [{"value": code.value, "meaning": code.meaning} for code in self._profile.codes]
        return {
            "format": FORMAT,
            "version": 1,
            "kind": "quiz" if self._options.is_quiz else "teaching",
            "name": context["name"],
            "description": context["description"],
            "deidentification": {
                "profile": self._profile.name,
                "codes": codes,
                "dates": context["dates"],
            },
            "cases": [_entry(one, hides_answer=self._options.is_quiz) for one in self._written],
        }


def _picture_frames(case: PlannedCase) -> dict[int, list[int]]:
    """Choose frames of a case for its page, evenly from first to last; image -> frames from 1."""
    leaving = {image.pk for image in case.images}
    frames = [one for one in case_frames(case.item) if one[0].pk in leaving]
    count = min(PICTURES_A_CASE, len(frames))
    chosen: dict[int, list[int]] = {}
    for index in range(count):
        # The middle of each of so many equal parts.
        instance, frame = frames[(2 * index + 1) * len(frames) // (2 * count)]
        chosen.setdefault(instance.pk, []).append(frame)
    return chosen


def _picture(ds: Dataset, frame: int) -> bytes:
    picture = render_frame(ds, frame - 1)
    rows, columns = picture.shape[:2]
    if max(rows, columns) > PICTURE_SIDE:
        picture = render_frame(ds, frame - 1, size=(PICTURE_SIDE, PICTURE_SIDE))
    return encode_image(picture, "png")


def _entry(written: _Written, *, hides_answer: bool) -> dict[str, Any]:
    item = written.case.item
    entry: dict[str, Any] = {
        "number": written.case.number,
        **{name: written.facts.get(name, "") for name in _FACTS},
        "files": written.files,
        "pictures": written.pictures,
        "warnings": list(written.case.warnings) if written.files else [],
        "left_out": [
            {"reason": one.refusal.code, "text": one.refusal.text, "count": one.count}
            for one in written.left_out
        ],
    }
    if written.files and not hides_answer:
        entry |= {"title": item.title, "note": item.note, "diagnosis": item.diagnosis}
    return entry


def _answers(written: _Written) -> dict[str, Any]:
    item = written.case.item
    if not written.files:
        return {"number": written.case.number}
    return {
        "number": written.case.number,
        "title": item.title,
        "note": item.note,
        "diagnosis": item.diagnosis,
    }


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()
