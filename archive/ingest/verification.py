"""Every blob against its hash and its row, both ways."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING

from django.utils import timezone

from archive.errors import BlobMissingError, StorageError
from archive.models import Blob, Verification
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 1024 * 1024
_BATCH_ROWS = 500
_MOST_EXAMPLES = 100


class Verdict(Enum):
    """What a check found; a blob's row says the same afterwards."""

    GOOD = "good"
    MISSING = "missing"
    DAMAGED = "damaged"
    WITHOUT_ROW = "without a row"
    UNREADABLE = "unreadable"


_STATES = {
    Verdict.GOOD: Blob.State.STORED,
    Verdict.MISSING: Blob.State.MISSING,
    Verdict.DAMAGED: Blob.State.DAMAGED,
}


@dataclass(frozen=True)
class Checked:
    """One blob and its verdict."""

    sha256: str
    verdict: Verdict


def verify_blobs(*, settle_s: float = 5.0) -> Iterator[Checked]:
    """Read every blob that a row names, then look for blobs that no row names.

    Parameters
    ----------
    settle_s
        a store that is under way has its blob before its row: wait so long before a blob
        without a row is called so

    Yields
    ------
    one verdict a blob. Rows are marked *missing* or *damaged*, and *stored* again where the bytes
    are good; blobs without a row are reported and left alone.
    """
    rows = Blob.objects.order_by("pk").only("pk", "sha256", "size_bytes", "state")
    good: list[int] = []
    try:
        for blob in rows.iterator(chunk_size=_BATCH_ROWS):
            verdict = _read(blob)
            if verdict is Verdict.GOOD:
                good.append(blob.pk)
            else:
                _write([blob.pk], verdict)
            if len(good) >= _BATCH_ROWS:
                _write(good, Verdict.GOOD)
                good = []
            yield Checked(blob.sha256, verdict)
    finally:
        # Also where somebody ends the round before its time.
        _write(good, Verdict.GOOD)
    suspects = list(_without_rows(blob_store().digests()))
    if suspects:
        time.sleep(settle_s)
    for sha256 in _without_rows(iter(suspects)):
        yield Checked(sha256, Verdict.WITHOUT_ROW)


class VerificationNotes:
    """What a round of verification finds, written down for the page of storage."""

    def __init__(self) -> None:
        self._row = Verification.objects.create()

    def note(self, checked: Checked) -> None:
        """Count a verdict; the first hundred that are not good are kept by name."""
        row = self._row
        row.checked += 1
        if checked.verdict is not Verdict.GOOD:
            row.found[checked.verdict.value] = row.found.get(checked.verdict.value, 0) + 1
            if len(row.examples) < _MOST_EXAMPLES:
                row.examples.append([checked.sha256, checked.verdict.value])
        if row.checked % _BATCH_ROWS == 0:
            row.save()

    def close(self) -> None:
        """Say that the round is over."""
        self._row.finished_at = timezone.now()
        self._row.save()


def last_verification() -> Verification | None:
    """Return the newest round, over or not."""
    return Verification.objects.first()


def blob_count() -> int:
    """Say how many blobs have a row."""
    return Blob.objects.count()


def verify_blob(blob: Blob) -> Checked:
    """Read a blob and compare it with its hash; its row says afterwards what was found."""
    verdict = _read(blob)
    _write([blob.pk], verdict)
    return Checked(blob.sha256, verdict)


def _write(keys: list[int], verdict: Verdict) -> None:
    if not keys or verdict is Verdict.UNREADABLE:
        return  # the disk's fault, perhaps for now only
    Blob.objects.filter(pk__in=keys).update(state=_STATES[verdict], verified_at=timezone.now())


def _read(blob: Blob) -> Verdict:
    digest, size = hashlib.sha256(), 0
    try:
        with blob_store().original(blob.sha256) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
    except BlobMissingError:
        return Verdict.MISSING
    except (StorageError, OSError):
        return Verdict.UNREADABLE
    is_good = digest.hexdigest() == blob.sha256 and size == blob.size_bytes
    return Verdict.GOOD if is_good else Verdict.DAMAGED


def _without_rows(digests: Iterator[str]) -> Iterator[str]:
    while batch := list(islice(digests, _BATCH_ROWS)):
        known = set(Blob.objects.filter(sha256__in=batch).values_list("sha256", flat=True))
        yield from (sha256 for sha256 in batch if sha256 not in known)
