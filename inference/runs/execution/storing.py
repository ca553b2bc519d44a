"""Results go back through the ordinary ingest: any viewer and PACS can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.curation.services import withhold_series
from archive.dicom.writing import write_part10
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Series
from inference.bundles.gates import notice_of
from inference.errors import ResultEncodingError
from inference.results.types import Algorithm, ResultIdentity
from inference.results.uids import result_uid
from inference.runs.trials import note_trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset

    from inference.models import Run

# Result series stand behind the scanner's own in every list.
_FIRST_SERIES_NUMBER = 9000


def algorithm_of(run: Run, *, device: str) -> Algorithm:
    """Name the run's model version as results do, with the device it ran on."""
    version = run.model_version
    return Algorithm(
        name=version.name,
        version=version.version,
        digest=version.digest,
        parameters=(f"device={device}",),
        notice=notice_of(version),
    )


def identity_of(run: Run, kind: str, description: str) -> ResultIdentity:
    """Say which object this is: the same model on the same images gives the same one.

    Parameters
    ----------
    kind
        which object of the run: ``seg``, ``sr``
    description
        series description for people
    """
    version = run.model_version
    parts = (str(version), version.digest, run.series.series_instance_uid, run.input_digest, kind)
    return ResultIdentity(
        series_instance_uid=result_uid(*parts, "series"),
        sop_instance_uid=result_uid(*parts, "instance"),
        # Of the request, not of this attempt: a repeated attempt gives the same bytes.
        timestamp=run.created_at,
        series_number=_FIRST_SERIES_NUMBER + run.pk % 1000,
        series_description=description[:64],
    )


def store_once(run: Run, identity: ResultIdentity, build: Callable[[], Dataset]) -> str:
    """Build and store a result unless an earlier attempt did; return its SOP Instance UID.

    On trial, nobody but reviewers sees it for a moment; what an earlier attempt left is seen as
    this one's results are.

    Raises
    ------
    ResultEncodingError
        It could not be built, or ingest refused it.
    StorageError
        Ingest could not do its part; the run is tried again.
    """
    uid = identity.sop_instance_uid
    known = Series.objects.filter(instances__sop_instance_uid=uid).first()
    if known is None:
        _store(run, build())
        return uid
    if note_trial(run):
        withhold_series(sop_instance_uids=[uid], reason=Series.Withheld.TRIAL)
    elif known.withheld == Series.Withheld.TRIAL:
        withhold_series(sop_instance_uids=[uid], reason=Series.Withheld.NOT)
    return uid


def _store(run: Run, ds: Dataset) -> None:
    with spool_stream([write_part10(ds)]) as spool:
        # Asked now: the version may have been put on trial while the model worked.
        withheld = Series.Withheld.TRIAL if note_trial(run) else Series.Withheld.NOT
        origin = Origin(door="inference", source=str(run.model_version), withheld=withheld)
        (result,) = ingest_files(files=[IncomingFile(spool, name="result.dcm")], origin=origin)
    if result.error is not None and result.error.retriable:
        raise result.error
    if not result.is_accepted:
        reason = result.error.message if result.error else "no reason given"
        raise ResultEncodingError(f"The archive refused the result: {reason}")
