"""Results go back through the ordinary ingest: any viewer and PACS can read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import generate_uid

from archive.dicom.writing import write_part10
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance
from inference.errors import ResultEncodingError

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.models import Run


def result_uid(run: Run, kind: str) -> str:
    """UID of a result: the same model on the same images gives the same object.

    Parameters
    ----------
    kind
        which object of the run, such as ``"seg"`` or ``"seg-series"``
    """
    sources = [run.model_version.digest, str(run.model_version), run.input_digest]
    return str(generate_uid(entropy_srcs=[*sources, run.series.series_instance_uid, kind]))


def is_stored(sop_instance_uid: str) -> bool:
    """Whether an earlier attempt of the run stored this object already."""
    return Instance.objects.filter(sop_instance_uid=sop_instance_uid).exists()


def store_result(run: Run, ds: Dataset) -> str:
    """Store a result object beside its source; return its SOP Instance UID.

    Raises
    ------
    ResultEncodingError
        Ingest refused it.
    StorageError
        Ingest could not do its part; the run is tried again.
    """
    with spool_stream([write_part10(ds)]) as spool:
        origin = Origin(door="inference", source=str(run.model_version))
        (result,) = ingest_files(files=[IncomingFile(spool, name="result.dcm")], origin=origin)
    if result.error is not None and result.error.retriable:
        raise result.error
    if not result.is_accepted:
        reason = result.error.message if result.error else "no reason"
        raise ResultEncodingError(f"The archive refused the result: {reason}")
    return str(ds.SOPInstanceUID)
