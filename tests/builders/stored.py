"""Put data sets into the archive through its one way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance
from tests.builders.datasets import as_part10

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from archive.models import Project


def store_bytes(
    *contents: bytes, project: Project | None = None, origin: Origin | None = None
) -> list[Instance]:
    """Archive files; return their instances in the same order."""
    origin = origin or Origin(door="test", project=project)
    spools = [spool_stream([content]) for content in contents]
    try:
        files = [IncomingFile(spool) for spool in spools]
        results = ingest_files(files=files, origin=origin)
    finally:
        for spool in spools:
            spool.close()
    refused = [result.error for result in results if not result.is_accepted]
    assert not refused, refused
    rows = Instance.objects.select_related("blob", "series__study__patient")
    return [rows.get(sop_instance_uid=result.sop_instance_uid) for result in results]


def store_datasets(
    *datasets: Dataset, project: Project | None = None, origin: Origin | None = None
) -> list[Instance]:
    """Archive data sets; return their instances in the same order."""
    return store_bytes(*(as_part10(ds) for ds in datasets), project=project, origin=origin)
