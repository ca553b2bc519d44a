"""Images without identity to peers and into buckets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive.bulk.working import SkippedError
from archive.errors import NotVisibleError
from archive.forwarding.queueing import send_studies
from archive.models import Study
from archive.research.buckets import BucketWriter, known_buckets
from archive.research.copying import copy_into, target_of
from archive.research.exporting import realm_of, write_study
from archive.research.leaving import find_leaving
from archive.research.leaving_files import cohort_files, study_folder
from archive.research.pseudonyms import open_realm, project_realm_name

if TYPE_CHECKING:
    from archive.bulk.types import Work


def send_study(work: Work, study_uid: str) -> str:
    """Copy a study without identity into the job's project, and queue the copy for a peer.

    What goes to peers is on record, begun again after any interruption, and withdrawn with the
    copy, since it is one. A study that is without identity already is queued as it is.

    Parameters
    ----------
    work
        ``project``, ``peer`` and ``cleaning`` among its options
    study_uid
        Study Instance UID

    Returns
    -------
    what became of its objects

    Raises
    ------
    NotVisibleError, NotAllowedError
        Study, project or peer are not the asker's, or the patient refused research.
    """
    project = target_of(work)
    uid = study_uid
    words = ""
    if not Study.objects.filter(study_instance_uid=study_uid, is_deidentified=True).exists():
        _copied, report = copy_into(work, study_uid, project)
        uid = open_realm(project_realm_name(project.pk)).uid(study_uid)
        words = f"{report.words}; "
    number = send_studies(asker=work.asker, peer_id=int(work.options["peer"]), study_uids=[uid])
    return f"{words}{number} instances on their way"


def put_study(work: Work, study_uid: str) -> str:
    """Put a study without identity into the job's bucket.

    Parameters
    ----------
    work
        ``bucket`` and ``cleaning`` among its options
    study_uid
        Study Instance UID

    Returns
    -------
    what became of its objects

    Raises
    ------
    NotVisibleError, NotAllowedError
        Study or bucket are not the asker's, or the patient refused research.
    PeerUnreachableError, PeerRefusedError
        The bucket took it not.
    """
    study = find_leaving(work.asker, study_uid)
    writer = _writer(work)
    folder = study_folder(realm_of(work, study).uid(study_uid))
    if f"{folder}/study.json" in writer.names(f"{folder}/"):
        raise SkippedError("It is in the bucket already.")
    return write_study(work, study, writer.put, kind="bucket")


def finish_bucket(work: Work) -> None:
    """Put what is said of the whole beside the studies."""
    writer = _writer(work)
    names = [name for name in writer.names("studies/") if name.endswith("/study.json")]
    studies = [json.loads(writer.get(name)) for name in names]
    if studies:
        for name, content in cohort_files(studies):
            writer.put(name, content)


def _writer(work: Work) -> BucketWriter:
    options: Any = work.options
    bucket = known_buckets().get(str(options["bucket"]))
    if bucket is None:
        raise NotVisibleError("There is no such bucket any more.")
    return BucketWriter(bucket, f"job-{work.job}")
