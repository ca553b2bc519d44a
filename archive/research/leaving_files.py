"""One study without identity as files: its images, and what is said of them beside."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction

from archive.audit.research import record_way_out
from archive.inbox.reports import safe_cell
from archive.research.cleaning import FACTS, Cleaner
from archive.research.labels import COLUMNS, label_rows
from archive.research.leaving import leaving_images
from archive.research.pseudonyms import note_study
from archive.research.types import CleaningReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from archive.audit.types import Asker
    from archive.deid.types import Profile
    from archive.models import Study
    from archive.research.pseudonyms import Realm
    from archive.research.types import CleanedImage, CleaningOptions

FORMAT, VERSION = "twinsight-cohort", 1
_STUDY_COLUMNS = (
    "patient", "study", "modality", "body_part", "sex", "age", "study_date", "images", "left_out"
)  # fmt: skip


class LeavingStudy:
    """A study on its way out, on record from the moment it is made.

    Parameters
    ----------
    asker
        who may take the study out: `archive.research.leaving.find_leaving`
    study
        as stored
    realm
        of the pseudonyms
    options
        how it is cleaned
    details
        for the record: what kind of way out
    collection
        narrows to the cases of a collection

    Raises
    ------
    NotAcceptableError
        There is no image in it.
    """

    def __init__(
        self,
        asker: Asker,
        study: Study,
        realm: Realm,
        options: CleaningOptions,
        *,
        details: Mapping[str, Any],
        collection: int | None = None,
    ) -> None:
        self._asker, self._study = asker, study
        self._realm, self._options = realm, options
        self.report = CleaningReport()
        self._images = leaving_images(
            asker, study, self.report, content=options.content, collection=collection
        )
        self._written: list[CleanedImage] = []
        self._profile: Profile | None = None
        with transaction.atomic():
            self.code = note_study(realm, study)
            record_way_out(
                asker,
                study_instance_uid=study.study_instance_uid,
                instances=len(self._images),
                details={**details, **options.as_json()},
            )

    def images(
        self, keep: Callable[[], None], *, is_at_once: bool = False
    ) -> Iterator[tuple[str, bytes]]:
        """Give the images, each under a name of its own.

        Parameters
        ----------
        keep
            is called while images are made: the work goes on
        is_at_once
            of `archive.research.cleaning.Cleaner`
        """
        cleaner = Cleaner(self._realm, self._options, keep, is_at_once=is_at_once)
        self._profile = cleaner.profile
        for image in cleaner.clean(self._images, self.report, done=frozenset()):
            name = f"images/{self.code}/{image.study_uid}/{image.sop_instance_uid}.dcm"
            yield name, image.content
            self._written.append(image.without_content())

    def said(self) -> dict[str, Any]:
        """Return what was done, what was left out and why, and the labels; behind the images."""
        left = {
            one.original.sop_instance_uid: one.original.series.series_instance_uid
            for one in self._written
        }
        user: Any = self._asker.user
        facts = self._written[0].facts if self._written else dict.fromkeys(FACTS, "")
        return {
            "patient": self.code,
            "study": self._realm.uid(self._study.study_instance_uid),
            **facts,
            **self.report.as_json(),
            "series": _series(self._written),
            "labels": label_rows(user, self._study, self._realm, left),
            "deidentification": self._method(),
        }

    def _method(self) -> dict[str, Any]:
        profile = self._profile
        name, codes = (profile.name, profile.codes) if profile else ("", ())
        listed = [{"value": code.value, "meaning": code.meaning} for code in codes]
        return {"profile": name, "codes": listed, **self._options.as_json()}


def study_folder(study_uid: str) -> str:
    """Return where what is said of a study lies, by its new UID."""
    return f"studies/{study_uid}"


def said_file(said: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return the file of what is said of a study."""
    return f"{study_folder(said['study'])}/study.json", as_json(said)


def cohort_files(studies: Sequence[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Return the files that speak of all studies: a manifest and two tables."""
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "patients": len({one["patient"] for one in studies}),
        "studies": [
            {key: value for key, value in one.items() if key != "labels"} for one in studies
        ],
    }
    labels = [row for one in studies for row in one["labels"]]
    lines = [[_cell(one, column) for column in _STUDY_COLUMNS] for one in studies]
    return [
        ("manifest.json", as_json(manifest)),
        ("labels.csv", _csv(COLUMNS, labels)),
        ("studies.csv", _csv(_STUDY_COLUMNS, lines)),
    ]


def as_json(value: Mapping[str, Any]) -> bytes:
    """Return JSON for people and programs."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def _cell(said: dict[str, Any], column: str) -> object:
    if column == "left_out":
        return sum(one["count"] for one in said["left_out"])
    return said[column]


def _series(images: Sequence[CleanedImage]) -> list[dict[str, Any]]:
    found: dict[str, list[CleanedImage]] = {}
    for image in images:
        found.setdefault(image.series_uid, []).append(image)
    return [
        {
            "series": uid,
            "modality": group[0].facts["modality"],
            "instances": [
                {"instance": one.sop_instance_uid, "sha256": one.sha256, **pixels_json(one)}
                for one in group
            ],
        }
        for uid, group in found.items()
    ]


def pixels_json(image: CleanedImage) -> dict[str, Any]:
    """Return what was done to the pixels of an image; nothing where nothing was."""
    done: dict[str, Any] = {}
    if image.pixels.regions:
        done["masked"] = [list(region) for region in image.pixels.regions]
    if image.pixels.has_lost_face:
        done["face_removed"] = True
    return done


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    for line in lines:
        writer.writerow([safe_cell(cell) for cell in line])
    return buffer.getvalue().encode()
