"""Cohorts as one ZIP without identities: images, labels, and a manifest that says what was done."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from archive.bulk.exporting import (
    finish_export,
    grown_result,
    require_room,
    result_holds,
    result_path,
)
from archive.bulk.growing_zip import entry, grown, take_back
from archive.errors import NotAcceptableError
from archive.models import BulkJob
from archive.research.leaving import find_leaving
from archive.research.leaving_files import LeavingStudy, cohort_files, said_file, study_folder
from archive.research.pseudonyms import open_realm, patient_realm
from archive.research.types import CleaningOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.bulk.types import Work
    from archive.models import Study
    from archive.research.pseudonyms import Realm

    Put = Callable[[str, bytes], None]

# Within what the pseudonyms of a file are the same, beside the file itself or its collection.
WITHIN_PATIENT = "patient"


def export_study(work: Work, study_uid: str) -> str:
    """Add a study without identity to the ZIP of the job.

    Parameters
    ----------
    work
        ``cleaning``, and where only cases of one are meant ``collection``, among its options
    study_uid
        Study Instance UID

    Returns
    -------
    what became of its objects

    Raises
    ------
    NotVisibleError, NotAllowedError
        The study is not the asker's to take out, or the patient refused research.
    NotAcceptableError
        Nothing of it may leave so.
    """
    study = find_leaving(work.asker, study_uid)
    require_room(study)
    if result_holds(work, study_folder(realm_of(work, study).uid(study_uid))):
        return "It is in the file already."
    with grown_result(work) as archive:
        return write_study(work, study, lambda name, content: add_file(archive, name, content))


def realm_of(work: Work, study: Study) -> Realm:
    """Return within what pseudonyms are the same: the patient, a collection, else the job."""
    if work.options.get("within") == WITHIN_PATIENT:
        return patient_realm(study)
    collection = work.options.get("collection")
    return open_realm(f"collection:{collection}" if collection else f"job:{work.job}")


def write_study(work: Work, study: Study, put: Put, *, kind: str = "cohort") -> str:
    """Clean a study, and put its images and what is said of them under names of their own.

    The record is written before the first of them.

    Parameters
    ----------
    work
        as of `export_study`
    study
        that the asker may take out
    put
        takes a path and its bytes
    kind
        for the record

    Returns
    -------
    what became of its objects
    """
    leaving = LeavingStudy(
        work.asker,
        study,
        realm_of(work, study),
        _cleaning(work),
        details={"kind": kind, "job": work.job},
        collection=work.options.get("collection") or None,
    )
    for name, content in leaving.images(work.keep):
        put(name, content)
    words = leaving.report.words
    if not leaving.report.written:
        raise NotAcceptableError(f"Nothing of it may leave so. {words}", code="held-back")
    put(*said_file(leaving.said()))
    return words


def _cleaning(work: Work) -> CleaningOptions:
    """Return how images are cleaned: a person looks at one study, never at a list of them."""
    options = CleaningOptions.of(work.options["cleaning"])
    if options.is_looked_at and BulkJob.objects.get(pk=work.job).number_of_items > 1:
        return replace(options, is_looked_at=False)
    return options


def finish_cohort(work: Work) -> None:
    """Write what is said of the whole, and until when the file may be fetched."""
    job = BulkJob.objects.get(pk=work.job)
    if not job.result_name:
        return
    path = result_path(job)
    take_back(path)
    if path.exists():
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            studies = [json.loads(archive.read(one)) for one in names if one.endswith("study.json")]
        if "manifest.json" not in names:
            with grown(path) as archive:
                for name, content in cohort_files(studies):
                    add_file(archive, name, content)
    finish_export(work)


def add_file(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Write a file into a ZIP, under a name that is our own."""
    with archive.open(entry(name, len(content)), "w") as stream:
        stream.write(content)
