"""Instances' metadata as DICOM JSON: computed once behind the store's back, then read from rows."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import connection

from archive.dicom.corrections import STUDY_UID, corrected_document, entry_mark, in_order
from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.uids import is_valid_uid
from archive.errors import ArchiveError, NotVisibleError
from archive.models import Instance, InstanceMetadata
from archive.models.statements import fetch_rows
from archive.retrieve.datasets import mapped_dataset
from archive.retrieve.found import find_without_metadata, reading_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.dicom.corrections import Entry
    from archive.models.querysets import AnyUser

# Raise it when the encoding changes: answers kept elsewhere under the old one become stale.
METADATA_VERSION = 2
# Stands for the address of the service, which differs from request to request.
BASE_MARK = b"https://bulkdata.invalid/dicomweb"
_BATCH = 200
_KEEP = """
    INSERT INTO archive_instancemetadata (instance_id, content)
    SELECT made.instance_id, made.content
    FROM unnest($1::bigint[], $2::bytea[]) AS made (instance_id, content)
    ON CONFLICT DO NOTHING RETURNING instance_id
"""
# It can be made again from the file at any time: nobody waits until it is on the disk.
_KEEP_SOON = """
    INSERT INTO archive_instancemetadata (instance_id, content)
    SELECT made.instance_id, made.content
    FROM (SELECT set_config('synchronous_commit', 'off', true) AS commit) AS setting,
         unnest($1::bigint[], $2::bytea[]) AS made (instance_id, content)
    WHERE setting.commit = 'off' ON CONFLICT DO NOTHING RETURNING instance_id
"""
_STORED_PATH = re.compile(re.escape(BASE_MARK) + rb"/studies/[0-9.]+/")
_CHARACTER_SET, _AVAILABLE_SYNTAX = "00080005", "00083002"


class StoredMetadata(NamedTuple):
    """An instance's key and its compressed document, where that was made already."""

    key: int
    content: bytes | None
    withheld: str
    # What was corrected of its study and of its series; nearly always nothing.
    of_study: Sequence[Entry] = ()
    of_series: Sequence[Entry] = ()

    @property
    def corrections(self) -> list[Entry]:
        """Corrections of the instance, in their order."""
        return in_order(self.of_study, self.of_series)

    @property
    def mark(self) -> str:
        """What tells this document from others of the same instance."""
        return "-".join([str(self.key), *map(entry_mark, self.corrections)])


_CORRECTED = ("series__study__corrected", "series__corrected")
_READINGS = reading_of("pk", "stored_metadata__content", "withheld", *_CORRECTED)


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
    made = fill_metadata(missing) if missing else {}
    if len(made) < len(missing):
        # Others made them meanwhile, or their bytes are gone.
        late = _contents([key for key in missing if key not in made])
        made |= {key: content for key, (content, _) in late.items()}
    contents = [(row, row.content or made.get(row.key)) for row in rows]
    return [
        _served(zlib.decompress(content), row.corrections)
        for row, content in contents
        if content is not None
    ]


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
            content, corrections = contents.get(key, (None, ()))
            if content is not None:
                document = _served(zlib.decompress(content), corrections)
                yield document.replace(BASE_MARK, base)


def _served(document: bytes, corrections: Sequence[Entry]) -> bytes:
    """Put in what was corrected; the kept document itself never knows of it."""
    if not corrections:
        return document
    system = settings.TWINSIGHT_AE_TITLE
    made = _encoded(corrected_document(json.loads(document), corrections, system))
    studies = [entry["attributes"][STUDY_UID] for entry in corrections if _moves(entry)]
    if not studies:
        return made
    path = b"%b/studies/%b/" % (BASE_MARK, str(studies[-1]["Value"][0]).encode("ascii"))
    return _STORED_PATH.sub(path, made)


def _moves(entry: Entry) -> bool:
    return STUDY_UID in entry["attributes"]


def _contents(keys: Sequence[int]) -> dict[int, tuple[bytes, list[Entry]]]:
    """Return the kept documents and what was corrected since, by key; make those missing."""
    rows = InstanceMetadata.objects.filter(pk__in=keys).values_list(
        "pk", "content", *(f"instance__{path}" for path in _CORRECTED)
    )
    stored = {key: (bytes(content), in_order(*held)) for key, content, *held in rows}
    missing = [key for key in keys if key not in stored]
    if missing:
        corrected = Instance.objects.filter(pk__in=missing).values_list("pk", *_CORRECTED)
        made = fill_metadata(missing)
        entries = {key: in_order(*held) for key, *held in corrected} if made else {}
        stored |= {key: (content, entries.get(key, [])) for key, content in made.items()}
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
    wanted = list(keys)
    made: dict[int, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        made |= _filled(wanted[start : start + _BATCH])
    return made


def _filled(keys: Sequence[int]) -> dict[int, bytes]:
    made = {}
    for instance in find_without_metadata(keys):
        try:
            made[instance.pk] = zlib.compress(_document(instance), 1)
        except ArchiveError:
            continue
    if made:
        # Inside a transaction the setting would hold for everything else in it.
        keep = _KEEP if connection.in_atomic_block else _KEEP_SOON
        fetch_rows(keep, [list(made), list(made.values())])
    return made


def _document(instance: Instance) -> bytes:
    path = instance_path(instance)
    with mapped_dataset(instance) as ds:
        if any(map(_moves, instance.series.corrected)):
            # As it was stored: a series that was moved may go back.
            path = f"/studies/{ds.StudyInstanceUID}/{path.split('/', 3)[3]}"
        prefix = f"{BASE_MARK.decode()}{path}/bulkdata/"
        document: dict[str, Any] = dataset_to_json(ds, bulk_data_uri=lambda path: prefix + path)
    if _CHARACTER_SET in document:
        # The JSON is UTF-8, whatever the file was (PS3.18 F.2.2).
        document[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    document[_AVAILABLE_SYNTAX] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    return _encoded(dict(sorted(document.items())))


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
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
