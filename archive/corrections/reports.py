"""Reports that a person verified, for the hospital's other systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import ArchiveError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom.dataset import Dataset

_REPORTS = "1.2.840.10008.5.1.4.1.1.88."


def verified_reports(instance_ids: Iterable[int]) -> Iterator[tuple[str, Dataset]]:
    """Give the verified structured reports among instances, with their UIDs.

    Parameters
    ----------
    instance_ids
        keys of rows
    """
    rows = Instance.objects.shown().filter(
        pk__in=list(instance_ids), sop_class_uid__startswith=_REPORTS, series__withheld=""
    )
    for row in rows.select_related("blob", "series__study").order_by("pk"):
        try:
            ds = load_dataset(row)
        except ArchiveError:
            continue
        if str(ds.get("VerificationFlag") or "") == "VERIFIED":
            yield str(row.sop_instance_uid), ds
