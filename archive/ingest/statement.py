"""Stores that need no decision, in one statement of the database (migrations 0008, 0036)."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import DatabaseError, connection, transaction

from archive.access.selectors import storing_rights
from archive.audit.services import import_values
from archive.dicom.attributes import (
    InstanceAttributes,
    PatientAttributes,
    SeriesAttributes,
    StudyAttributes,
)
from archive.events.services import nudge
from archive.events.types import InstancesStored
from archive.ingest.arrivals import is_special
from archive.ingest.joining import target_project
from archive.ingest.together import Together
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import LiteralString

    from archive.ingest.examining import Candidate
    from archive.ingest.types import Origin
    from archive.storage.types import SpoolFile

_STORE = "SELECT archive_store($1::text::jsonb)"
_KNOWN = """
    SELECT sop_instance_uid, dataset_sha256
    FROM archive_instance JOIN archive_blob ON archive_blob.id = blob_id
    WHERE sop_instance_uid = ANY($1::text[]) AND state = 'stored' AND withheld <> 'deleted'
"""
_PATIENT, _STUDY, _SERIES, _INSTANCE = (
    tuple(field.name for field in fields(kind))
    for kind in (PatientAttributes, StudyAttributes, SeriesAttributes, InstanceAttributes)
)


@dataclass(frozen=True)
class _Plain:
    """A study as the statement takes it, and the files whose bytes it stands for."""

    text: str
    spools: list[SpoolFile]


def known_digests(sop_instance_uids: Sequence[str]) -> dict[str, str]:
    """Say which instances are archived with their bytes.

    Parameters
    ----------
    sop_instance_uids
        of any instances

    Returns
    -------
    for each archived one the SHA-256 of its data set
    """
    return dict(_fetch(_KNOWN, [list(sop_instance_uids)])) if sop_instance_uids else {}


def store_plain(candidates: Iterable[Candidate], origin: Origin) -> set[int]:
    """Record the candidates of studies where nothing needs a decision.

    Rows, counts, audit record and outbox row are written by one statement, in its own
    transaction where none is open; the locks are those of `archive.ingest.recording`. The disk
    writes beside the database: the bytes are durable before the rows are committed, and of what
    is not stored no bytes are kept.

    Parameters
    ----------
    candidates
        sound instances; one that is archived already leaves its study to the recorder

    Returns
    -------
    positions of the candidates that are stored; the others are left to the recorder, untouched
    """
    groups = [
        group
        for _, group in sorted(_by_study(candidates).items())
        if _is_plain(group, origin.study_instance_uid) and not is_special(group, origin)
    ]
    if not groups:
        return set()
    place = _place(origin)
    studies = [
        (
            group[0].study_instance_uid,
            _Plain(
                json.dumps(_study(group, origin) | place, default=str),
                [candidate.file.spool for candidate in group],
            ),
        )
        for group in groups
    ]
    if connection.in_atomic_block:
        stored = _store([study for _, study in studies])
    else:
        stored = _together.store(studies)
    if any(stored):
        transaction.on_commit(nudge, robust=True)
    return {
        candidate.position
        for is_stored, group in zip(stored, groups, strict=True)
        if is_stored
        for candidate in group
    }


def _by_study(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.study_instance_uid].append(candidate)
    return groups


def _is_plain(group: list[Candidate], asked_study: str) -> bool:
    """Whether the instances are of the study asked for, of one patient, and none comes twice."""
    first = group[0]
    return (
        asked_study in {"", first.study_instance_uid}
        and len({candidate.sop_instance_uid for candidate in group}) == len(group)
        and all(c.attributes.patient == first.attributes.patient for c in group)
    )


def _store(studies: Sequence[_Plain]) -> list[bool]:
    texts = ",".join(study.text for study in studies)
    said = f'{{"event":"{InstancesStored.kind}","studies":[{texts}]}}'
    with _transaction():
        ((stored,),) = _fetch(_STORE, [said])
        kept = (
            spool
            for is_stored, study in zip(stored, studies, strict=True)
            if is_stored
            for spool in study.spools
        )
        blob_store().keep(kept)
    return list(stored)


_together = Together(_store)


def _place(origin: Origin) -> dict[str, Any]:
    """Say to which project new studies go, and to which known ones may be added."""
    project = target_project(origin)
    return {
        "project": project.pk if project else None,
        "rights": storing_rights(origin.actor) if origin.actor else None,
        "is_trusted": origin.is_trusted,
    }


def _study(group: list[Candidate], origin: Origin) -> dict[str, Any]:
    first = group[0].attributes
    uid = first.study.study_instance_uid
    by_series: dict[str, dict[str, Any]] = {}
    for candidate in group:
        series = by_series.setdefault(candidate.series_instance_uid, {})
        if not series:
            series |= _columns(candidate.attributes.series, _SERIES) | {"instances": []}
        series["instances"].append(_instance(candidate))
    return {
        **_columns(first.study, _STUDY),
        "patient": _columns(first.patient, _PATIENT),
        "uids": [candidate.sop_instance_uid for candidate in group],
        "is_deidentified": all(candidate.is_deidentified for candidate in group),
        "size_bytes": sum(candidate.file.spool.size for candidate in group),
        "series": list(by_series.values()),
        "audit": import_values(origin.asker, study_instance_uid=uid, stored=len(group), refused=0),
    }


def _instance(candidate: Candidate) -> dict[str, Any]:
    return {
        **_columns(candidate.attributes.instance, _INSTANCE),
        "position": candidate.position,
        "sha256": candidate.file.spool.sha256,
        "size_bytes": candidate.file.spool.size,
        "cleaned_keywords": candidate.attributes.cleaned,
        "dataset_sha256": candidate.dataset_sha256,
        "coerced": candidate.coerced,
    }


def _columns(attributes: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(attributes, name) for name in names}


def _fetch(query: str, values: list[Any]) -> list[Any]:
    """Run a prepared statement, its values sent beside it; errors are Django's."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        return cursor.execute(query, values, prepare=True).fetchall()


@contextmanager
def _transaction() -> Iterator[None]:
    """Begin and commit with no more round trips than that takes."""
    if connection.in_atomic_block:
        # Inside another transaction a lost race must not spoil it.
        with transaction.atomic():
            yield
        return
    _command("BEGIN")
    try:
        yield
        _command("COMMIT")
    except BaseException:
        _roll_back()
        raise


def _roll_back() -> None:
    try:
        _command("ROLLBACK")
    except DatabaseError:
        with suppress(DatabaseError):
            connection.close()


def _command(command: LiteralString) -> None:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(command, prepare=False)
