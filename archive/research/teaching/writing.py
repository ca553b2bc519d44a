"""The files of a teaching file: those of each case, and the pages that tell what became of them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string

from archive.collections.frames import case_frames
from archive.deid.types import Refusal
from archive.dicom.reading import read_dataset
from archive.dicom.rendering import encode_image, render_frame
from archive.errors import ArchiveError
from archive.research.cleaning import Cleaner
from archive.research.leaving_files import as_json, pixels_json
from archive.research.types import CleaningReport, LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydicom.dataset import Dataset

    from archive.deid.types import Profile
    from archive.research.pseudonyms import Realm
    from archive.research.teaching.types import ExportOptions, ExportPlan, PlannedCase
    from archive.research.types import CleanedImage

PICTURES_A_CASE = 6
PICTURE_SIDE = 1024
FORMAT = "twinsight-teaching-file"
FACTS = ("modality", "body_part", "sex", "age")


@dataclass
class WrittenCase:
    """What became of a case, gathered while it is written."""

    case: PlannedCase
    files: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # As the files themselves say it, after de-identification.
    facts: dict[str, str] = field(default_factory=dict)
    cleaned: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept beside the case; nothing of what a quiz asks."""
        return {
            "number": self.case.number,
            **{name: self.facts.get(name, "") for name in FACTS},
            "files": self.files,
            "pictures": self.pictures,
            "warnings": self.warnings,
            "cleaned": self.cleaned,
            "left_out": [one.as_json() for one in self.left_out],
        }

    @classmethod
    def of(cls, case: PlannedCase, said: dict[str, Any]) -> WrittenCase:
        """Read it again."""
        left_out = [
            LeftOut(Refusal(one["reason"], one["text"]), one["count"]) for one in said["left_out"]
        ]
        return cls(
            case,
            files=said["files"],
            pictures=said["pictures"],
            left_out=left_out,
            warnings=said["warnings"],
            facts={name: said[name] for name in FACTS},
            cleaned=said["cleaned"],
        )


class CaseWriter:
    """Writes one case after the other.

    Parameters
    ----------
    realm
        of the pseudonyms
    options
        how the collection leaves
    keep
        is called between images: the work goes on
    is_at_once
        of `archive.research.cleaning.Cleaner`
    """

    def __init__(
        self,
        realm: Realm,
        options: ExportOptions,
        keep: Callable[[], None],
        *,
        is_at_once: bool = False,
    ) -> None:
        self._realm, self._options, self._keep = realm, options, keep
        self._is_at_once = is_at_once

    def write(self, written: WrittenCase) -> Iterator[tuple[str, bytes]]:
        """Give the images of a case and pictures of them; note in it what became of them."""
        case = written.case
        written.left_out += case.outlook.left_out
        options = self._options.cleaning(case.item.pk)
        cleaner = Cleaner(self._realm, options, self._keep, is_at_once=self._is_at_once)
        report = CleaningReport()
        images = case.outlook.leaving
        numbers = {image.pk: number for number, image in enumerate(images, start=1)}
        wanted = _picture_frames(case)
        for image in cleaner.clean(images, report, done=frozenset()):
            key = image.original.pk
            path = f"{case.folder}/dicom/image-{numbers[key]:04d}.dcm"
            written.facts = {name: image.facts[name] for name in FACTS}
            uid = image.sop_instance_uid
            written.files.append({"path": path, "sop_instance_uid": uid, **pixels_json(image)})
            yield path, image.content
            for picture in _pictures(image, wanted.get(key, [])):
                name = f"{case.folder}/picture-{len(written.pictures) + 1:02d}.png"
                written.pictures.append(name)
                yield name, picture
        written.left_out += report.refusals
        written.warnings = list(report.warnings)
        written.cleaned = {
            what: report.done[what] for what in ("frames_read", "texts_masked", "faces_removed")
        }


def case_file(written: WrittenCase) -> tuple[str, bytes]:
    """Return the file of what became of a case."""
    return f"{written.case.folder}/case.json", as_json(written.as_json())


def page_files(
    plan: ExportPlan, options: ExportOptions, profile: Profile, written: Sequence[WrittenCase]
) -> Iterator[tuple[str, bytes]]:
    """Give the pages that tell what became of all cases; for a quiz, its answers apart."""
    context = {
        "name": plan.name,
        "description": plan.description,
        "is_quiz": options.is_quiz,
        "profile": profile,
        "dates": options.dates.value,
        "has_withheld_texts": plan.has_withheld_texts,
        "cases": [one for one in written if one.files],
        "left_out": [one for one in written if one.left_out],
        "texts_masked": sum(one.cleaned.get("texts_masked", 0) for one in written),
        "faces_removed": sum(one.cleaned.get("faces_removed", 0) for one in written),
    }
    yield "index.html", render_to_string("collections/teaching_file.html", context).encode()
    yield "manifest.json", as_json(_manifest(plan, options, profile, written))
    if options.is_quiz:
        yield "answers.json", as_json({"cases": [_answers(one) for one in written]})


def _manifest(
    plan: ExportPlan, options: ExportOptions, profile: Profile, written: Sequence[WrittenCase]
) -> dict[str, Any]:
    codes = [{"value": code.value, "meaning": code.meaning} for code in profile.codes]
    return {
        "format": FORMAT,
        "version": 1,
        "kind": "quiz" if options.is_quiz else "teaching",
        "name": plan.name,
        "description": plan.description,
        "deidentification": {
            "profile": profile.name,
            "codes": codes,
            "dates": options.dates.value,
        },
        "cases": [_entry(one, hides_answer=options.is_quiz) for one in written],
    }


def _entry(written: WrittenCase, *, hides_answer: bool) -> dict[str, Any]:
    item = written.case.item
    entry = written.as_json()
    if written.files and not hides_answer:
        entry |= {"title": item.title, "note": item.note, "diagnosis": item.diagnosis}
    return entry


def _answers(written: WrittenCase) -> dict[str, Any]:
    item = written.case.item
    if not written.files:
        return {"number": written.case.number}
    return {
        "number": written.case.number,
        "title": item.title,
        "note": item.note,
        "diagnosis": item.diagnosis,
    }


def _picture_frames(case: PlannedCase) -> dict[int, list[int]]:
    """Choose frames of a case for its page, evenly from first to last; image -> frames from 1."""
    leaving = {image.pk for image in case.outlook.leaving}
    frames = [one for one in case_frames(case.item) if one[0].pk in leaving]
    count = min(PICTURES_A_CASE, len(frames))
    chosen: dict[int, list[int]] = {}
    for index in range(count):
        # The middle of each of so many equal parts.
        instance, frame = frames[(2 * index + 1) * len(frames) // (2 * count)]
        chosen.setdefault(instance.pk, []).append(frame)
    return chosen


def _pictures(image: CleanedImage, frames: Sequence[int]) -> list[bytes]:
    """Draw frames of an image as it leaves; none where they can't be drawn."""
    if not frames:
        return []
    try:
        ds = read_dataset(io.BytesIO(image.content))
        return [_picture(ds, frame) for frame in frames]
    except ArchiveError:
        # It leaves all the same, as a file.
        return []


def _picture(ds: Dataset, frame: int) -> bytes:
    picture = render_frame(ds, frame - 1)
    rows, columns = picture.shape[:2]
    if max(rows, columns) > PICTURE_SIDE:
        picture = render_frame(ds, frame - 1, size=(PICTURE_SIDE, PICTURE_SIDE))
    return encode_image(picture, "png")
