"""One study without identity: sent at once, or made by a job where pixels have to be cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.access.consent import ResearchRefusedError
from archive.bulk.services import start_job
from archive.deid.types import Refusal
from archive.errors import NotAcceptableError
from archive.research.exporting import WITHIN_PATIENT
from archive.research.leaving import find_leaving, leaving_images
from archive.research.leaving_files import LeavingStudy, cohort_files, said_file
from archive.research.planning import Outlook, look_ahead
from archive.research.pseudonyms import patient_realm
from archive.research.types import CleaningReport, LeftOut
from archive.retrieve.downloads import Download
from archive.retrieve.zipping import stream_zip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.audit.types import Asker
    from archive.models import BulkJob
    from archive.research.types import CleaningOptions

ACT = "research-export"


def study_outlook(asker: Asker, study_uid: str, *, is_looked_at: bool = False) -> Outlook:
    """Say what of a study would leave without identity, and whether that takes a job.

    Raises
    ------
    NotVisibleError
        The study is absent, or outside the asker's rights.
    NotAllowedError
        The asker may look, no more, or the patient refused research.
    """
    study = find_leaving(asker, study_uid)
    report = CleaningReport()
    try:
        images = leaving_images(asker, study, report)
    except NotAcceptableError:
        images = []
    found = look_ahead(images, is_looked_at=is_looked_at)
    beside = tuple(report.refusals)
    return Outlook(
        found.leaving, found.read, found.heads, (*found.left_out, *beside), found.warnings
    )


def outlook_of(asker: Asker, study_uid: str) -> Outlook:
    """Return the same for a page, where the patient's refusal is one more reason."""
    try:
        return study_outlook(asker, study_uid)
    except ResearchRefusedError as error:
        return Outlook(left_out=(LeftOut(Refusal(error.code, error.message), 0),))


def take_out(asker: Asker, study_uid: str, options: CleaningOptions) -> Download | BulkJob:
    """Make a ZIP of a study's images without identity; the trail has it before the first byte.

    Where no pixel has to be read or changed, it is made while it is sent; else by a job, whose
    file says the same. Pseudonyms follow from the site's own secret and the patient: two studies
    of a patient taken out so belong together, those of two patients can't be linked.

    Parameters
    ----------
    asker
        who may take images out of the study's project
    study_uid
        Study Instance UID
    options
        how images are cleaned

    Returns
    -------
    the ZIP, or the job that makes it

    Raises
    ------
    NotVisibleError
        The study is absent, or outside the asker's rights.
    NotAllowedError
        The asker may look, no more, or the patient refused research.
    NotAcceptableError
        Nothing of it may leave so; the message says why.
    LimitExceededError
        Too many jobs are open.
    """
    outlook = study_outlook(asker, study_uid, is_looked_at=options.is_looked_at)
    if not outlook.leaving:
        reasons = " ".join(one.refusal.text for one in outlook.left_out)
        raise NotAcceptableError(f"Nothing of this study may leave so. {reasons}", code="held-back")
    if outlook.needs_cleaning:
        asked = {**_asked(options), "within": WITHIN_PATIENT}
        return start_job(asker=asker, act=ACT, options=asked, study_uids=[study_uid])
    study = find_leaving(asker, study_uid)
    leaving = LeavingStudy(
        asker, study, patient_realm(study), options, details={"kind": "anonymised"}
    )
    return Download("study-anonymised.zip", "application/zip", stream_zip(_entries(leaving)))


def _asked(options: CleaningOptions) -> dict[str, str]:
    """Return options as a person would have asked for them."""
    return {
        "dates": options.dates.value,
        "characteristics": "yes" if options.keeps_patient_characteristics else "no",
        "looked_at": "yes" if options.is_looked_at else "no",
    }


def _entries(leaving: LeavingStudy) -> Iterator[tuple[str, list[bytes]]]:
    for name, content in leaving.images(lambda: None, is_at_once=True):
        yield name, [content]
    said: dict[str, Any] = leaving.said()
    for name, content in (said_file(said), *cohort_files([said])):
        yield name, [content]
