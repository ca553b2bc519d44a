"""Copies without identity into a project where researchers work, through the one way in."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext

from archive.access.consent import REFUSED_TEXT, ResearchRefusedError, has_refused
from archive.audit.research import record_way_out
from archive.bulk.working import SkippedError
from archive.errors import NotAcceptableError, NotVisibleError, StorageError
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin, Outcome
from archive.models import Instance, Project, Role, Study
from archive.models.querysets import readable_projects
from archive.research.cleaning import Cleaner
from archive.research.leaving import find_leaving, leaving_images
from archive.research.pseudonyms import note_study, open_realm, project_realm_name
from archive.research.types import CleaningOptions, CleaningReport
from archive.research.withdrawing import hold_patient, withdraw_copies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.bulk.types import Work
    from archive.models.querysets import AnyUser
    from archive.research.pseudonyms import Realm
    from archive.research.types import CleanedImage

DOOR = "research"
# What is ingested together: one transaction, and no more than this in memory.
_BATCH_FILES, _BATCH_BYTES = 32, 64 * 1024 * 1024
_ADMIN = frozenset({str(Role.RADIOLOGY_ADMIN)})


def copy_projects(user: AnyUser) -> QuerySet[Project]:
    """Select the de-identified projects that the user may fill: of which they are an admin."""
    return readable_projects(user, _ADMIN).filter(is_deidentified=True).order_by("name")


def copy_study(work: Work, study_uid: str) -> str:
    """Copy a study without identity into the project of the job.

    Names, UIDs and dates follow from the project's own secret: done again, it makes what is
    missing and nothing twice. Models run on the copies as on all that arrives, so that what is
    searched by is made of the cleaned pixels.

    Parameters
    ----------
    work
        ``project`` and ``cleaning`` among its options
    study_uid
        Study Instance UID

    Returns
    -------
    what became of its objects

    Raises
    ------
    NotVisibleError, NotAllowedError
        The study or the project is not the asker's, or the patient refused research.
    NotAcceptableError
        Nothing of it may leave so.
    """
    project = target_of(work)
    copied, report = copy_into(work, study_uid, project)
    if not copied:
        raise SkippedError(gettext("All that may be copied of it is there already."))
    return report.words


def copy_into(work: Work, study_uid: str, project: Project) -> tuple[int, CleaningReport]:
    """Copy a study into a project that the asker may fill; return how many images are new."""
    study = find_leaving(work.asker, study_uid)
    if study.is_deidentified:
        raise SkippedError(gettext("It is without identity already."))
    report = CleaningReport()
    options = CleaningOptions.of(work.options["cleaning"])
    images = leaving_images(work.asker, study, report, content=options.content)
    realm = open_realm(project_realm_name(project.pk))
    with transaction.atomic():
        note_study(realm, study)
        details = {"kind": "project", "project": project.slug, "job": work.job}
        record_way_out(
            work.asker,
            study_instance_uid=study_uid,
            instances=len(images),
            details={**details, **options.as_json()},
        )
    done = _known(realm, images)
    copied = 0
    batch: list[CleanedImage] = []
    for image in Cleaner(realm, options, work.keep).clean(images, report, done=done):
        batch.append(image)
        if len(batch) == _BATCH_FILES or sum(len(one.content) for one in batch) > _BATCH_BYTES:
            copied += _store(work.asker, project, batch, report)
            batch = []
            work.keep()
    copied += _store(work.asker, project, batch, report)
    _withdraw_if_refused(work.asker, study)
    if not report.written:
        raise NotAcceptableError(f"Nothing of it may leave so. {report.words}", code="held-back")
    return copied, report


def target_of(work: Work) -> Project:
    """Return the project of a job, as long as the asker may fill it."""
    user: Any = work.asker.user
    project: Project | None = copy_projects(user).filter(slug=work.options["project"]).first()
    if project is None:
        raise NotVisibleError("There is no such de-identified project of yours any more.")
    return project


def _known(realm: Realm, images: Sequence[Instance]) -> frozenset[str]:
    """Return the UIDs of copies that are in the archive."""
    uids = [realm.uid(image.sop_instance_uid) for image in images]
    rows = Instance.objects.filter(sop_instance_uid__in=uids)
    return frozenset(rows.values_list("sop_instance_uid", flat=True))


def _store(
    asker: Asker, project: Project, batch: Sequence[CleanedImage], report: CleaningReport
) -> int:
    """Archive copies; return how many are new."""
    with ExitStack() as stack:
        spools = [stack.enter_context(spool_stream([image.content])) for image in batch]
        origin = Origin(
            door=DOOR,
            actor=asker.user,  # type: ignore[arg-type]  # jobs are of accounts
            project=project,
            address=asker.address,
            token_hint=asker.token_hint,
        )
        results = ingest_files(files=[IncomingFile(spool) for spool in spools], origin=origin)
    for result in results:
        if result.outcome is Outcome.FAILED:
            message = result.error.message if result.error else "It could not be stored."
            raise StorageError(message, code="not-stored")
        if result.error is not None:
            report.written -= 1
            report.leave_out(result.error.code, result.error.message)
    return sum(result.outcome is Outcome.STORED for result in results)


def _withdraw_if_refused(asker: Asker, study: Study) -> None:
    """Take the copy back where the patient refused while it was made.

    Whoever sets a refusal holds the patient; behind it, one of both sees the other.
    """
    with transaction.atomic():
        patient = hold_patient(_patient_key(study))
        if not has_refused(patient):
            return
        withdraw_copies(asker, patient)
    raise ResearchRefusedError(REFUSED_TEXT)


def _patient_key(study: Study) -> int:
    """Return whose the study is by now: it may have been merged with another meanwhile."""
    return int(Study.objects.values_list("patient_id", flat=True).get(pk=study.pk))
