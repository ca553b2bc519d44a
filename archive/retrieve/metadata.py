"""Instances' metadata as DICOM JSON: computed once behind the store's back, then read from rows."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.uids import is_valid_uid
from archive.errors import ArchiveError, NotVisibleError
from archive.models import Instance, InstanceMetadata
from archive.retrieve.datasets import load_dataset
from archive.retrieve.found import reading_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.models.querysets import AnyUser

# Raise it when the encoding changes: answers kept elsewhere under the old one become stale.
METADATA_VERSION = 1
# Stands for the address of the service, which differs from request to request.
BASE_MARK = b"https://bulkdata.invalid/dicomweb"
_BATCH = 200
_CHARACTER_SET, _AVAILABLE_SYNTAX = "00080005", "00083002"


class StoredMetadata(NamedTuple):
    """An instance's key and its compressed document, where that was made already."""

    key: int
    content: bytes | None
    withheld: str


_READINGS = reading_of("pk", "stored_metadata__content", "withheld")


def stored_metadata(
    user: AnyUser,
    *,
    study_instance_uid: str,
    series_instance_uid: str | None = None,
    sop_instance_uid: str | None = None,
) -> list[StoredMetadata]:
    """Return what is stored of the metadata under a path, in the order of retrieval.

    Parameters
    ----------
    user
        the asker
    study_instance_uid, series_instance_uid, sop_instance_uid
        the path, as far as it is given

    Raises
    ------
    NotVisibleError
        There is nothing at the path, or nothing for this user.
    """
    path = {"study": study_instance_uid, "series": series_instance_uid, "sop": sop_instance_uid}
    rows: list[StoredMetadata] = []
    if all(is_valid_uid(uid) for uid in path.values() if uid is not None):
        reading = _READINGS[series_instance_uid is not None, sop_instance_uid is not None]
        rows = [StoredMetadata(*row) for row in reading.rows(user, path, binary=True)]
    if not rows:
        raise NotVisibleError("There is no such object.")
    # As for the instances themselves: rejected ones only where there are no others.
    return [row for row in rows if not row.withheld] or rows


def document_texts(rows: Sequence[StoredMetadata]) -> list[bytes]:
    """Return the documents, with `BASE_MARK` where the service's address belongs.

    Parameters
    ----------
    rows
        from `stored_metadata`

    Returns
    -------
    one JSON object an instance, in their order; those whose file is gone are left out
    """
    missing = [row.key for row in rows if row.content is None]
    made = _contents(missing) if missing else {}
    contents = [row.content or made.get(row.key) for row in rows]
    return [zlib.decompress(content) for content in contents if content is not None]


def metadata_documents(keys: Sequence[int], base_url: str) -> Iterator[bytes]:
    """Return the metadata of instances whose rights were checked.

    Parameters
    ----------
    keys
        of instances
    base_url
        address of the DICOMweb service, without a slash at its end; BulkDataURIs begin with it

    Returns
    -------
    one JSON object an instance, in the order of the keys; those whose file is gone are left out

    References
    ----------
    DICOM PS3.18 10.4.1.1.2, annex F
    """
    base = base_url.encode()
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        contents = _contents(batch)
        for key in batch:
            content = contents.get(key)
            if content is not None:
                yield zlib.decompress(content).replace(BASE_MARK, base)


def _contents(keys: Sequence[int]) -> dict[int, bytes]:
    rows = InstanceMetadata.objects.filter(pk__in=keys).values_list("pk", "content")
    stored = {key: bytes(content) for key, content in rows.iterator()}
    missing = [key for key in keys if key not in stored]
    if missing:
        stored |= fill_metadata(missing)
    return stored


def fill_metadata(keys: Iterable[int]) -> dict[int, bytes]:
    """Compute and keep the metadata of instances that have none yet.

    Parameters
    ----------
    keys
        of instances; those already done are passed over

    Returns
    -------
    the compressed documents that were made, by key; instances with unreadable bytes are left out
    """
    instances = (
        Instance.objects.filter(pk__in=list(keys), stored_metadata__isnull=True)
        .select_related("blob", "series__study")
        .order_by("pk")
    )
    made = {}
    for instance in instances.iterator(chunk_size=_BATCH):
        try:
            made[instance.pk] = zlib.compress(_document(instance), 1)
        except ArchiveError:
            continue
    InstanceMetadata.objects.bulk_create(
        [InstanceMetadata(instance_id=key, content=content) for key, content in made.items()],
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    return made


def _document(instance: Instance) -> bytes:
    prefix = f"{BASE_MARK.decode()}{instance_path(instance)}/bulkdata/"
    ds = load_dataset(instance)
    document: dict[str, Any] = dataset_to_json(ds, bulk_data_uri=lambda path: prefix + path)
    if _CHARACTER_SET in document:
        # The JSON is UTF-8, whatever the file was (PS3.18 F.2.2).
        document[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    document[_AVAILABLE_SYNTAX] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    ordered = dict(sorted(document.items()))
    return json.dumps(ordered, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def instance_path(instance: Instance) -> str:
    """Return the path of an instance under the DICOMweb service.

    Parameters
    ----------
    instance
        with series and study loaded
    """
    return (
        f"/studies/{instance.series.study.study_instance_uid}"
        f"/series/{instance.series.series_instance_uid}/instances/{instance.sop_instance_uid}"
    )
