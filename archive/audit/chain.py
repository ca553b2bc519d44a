"""The chain over the audit trail: who changes, removes or slips in a record is found.

Records are never changed (migration 0018). A sealer takes those that are new in blocks: digests of
all of them, and the digest of the block before. Keys are given out before transactions commit, so
a block ends where nobody who writes has a smaller key in hand: whoever inserts a record holds a
lock on its table from before its key is drawn until the commit, and is waited for.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction

from archive.models import AuditSeal

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

BLOCK = 5000
_WAIT_S, _STEP_S = 0.6, 0.02
_MARK_BYTES = 8
# Written here and not as a function of the database: who may change that could change its answer.
_ROWS = """
    SELECT id, sha256(convert_to(jsonb_build_array(
        id, to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), event_id, act,
        action, outcome, actor_id, actor_name, token_hint, door, host(address),
        study_instance_uid, details
    )::text, 'UTF8'))
    FROM archive_auditevent WHERE id BETWEEN %s AND %s ORDER BY id
"""
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'archive_auditevent'::regclass AND granted
      AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock') AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_OLDEST_WRITER = """
    SELECT min(xact_start), bool_or(xact_start IS NULL) FROM pg_stat_activity WHERE pid IN (
        SELECT pid FROM pg_locks WHERE locktype = 'relation' AND granted
        AND relation = 'archive_auditevent'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Flaw:
    """What does not fit: the seal, the record where it is known, and how."""

    seal: int
    record: int | None
    what: str


@dataclass(frozen=True)
class Verdict:
    """What a check of the chain found."""

    seals: int
    records: int
    unsealed: int
    last_sha256: str
    flaws: tuple[Flaw, ...]


def seal_new_records() -> int:
    """Seal what was recorded since the last seal; return how many records.

    Safe to run twice at once: of two sealers one finds that its block has a successor already.
    """
    last = AuditSeal.objects.order_by("-pk").first()
    first = last.last_event + 1 if last else 1
    settled = _settled_key(first)
    sealed = 0
    while settled is not None and first <= settled:
        block = _block(first, settled, last)
        try:
            with transaction.atomic():
                block.save(force_insert=True)
        except IntegrityError:
            break
        # A witness outside of the database: whoever cuts off the chain's end is betrayed by it.
        logger.info("audit sealed", extra={"seal": block.pk, "sha256": block.sha256})
        sealed += block.number_of_events
        last, first = block, block.last_event + 1
    return sealed


def _settled_key(first: int) -> int | None:
    """Return up to which key every record is committed or never will be; None for nothing new."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM archive_auditevent_id_seq")
        reached, is_called = cursor.fetchone()
        if not is_called or reached < first:
            return None
        cursor.execute(_WRITERS)
        waited_for = {row[0] for row in cursor.fetchall()}
        until = time.monotonic() + _WAIT_S
        while waited_for:
            if time.monotonic() > until:
                return _before_the_oldest(first)
            time.sleep(_STEP_S)
            cursor.execute(_WRITERS)
            waited_for &= {row[0] for row in cursor.fetchall()}
    return int(reached)


def _before_the_oldest(first: int) -> int | None:
    """Return a key below which no writer that takes long can have one in hand.

    Records older than every running writer: smaller keys were drawn before those began. Hosts'
    clocks may differ by the margin.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_WRITER)
        oldest, is_hidden = cursor.fetchone()
        if oldest is None or is_hidden:
            return None
        cursor.execute(
            "SELECT max(id) FROM archive_auditevent"
            " WHERE id >= %s AND recorded_at < %s - interval '10 seconds'",
            [first, oldest],
        )
        found = cursor.fetchone()[0]
    return int(found) if found else None


def _block(first: int, settled: int, last: AuditSeal | None) -> AuditSeal:
    rows = _digests(first, settled)
    if len(rows) > BLOCK:
        rows = rows[:BLOCK]
        settled = rows[-1][0]
    seal = AuditSeal(
        first_event=first,
        last_event=settled,
        number_of_events=len(rows),
        content_sha256=_content(rows),
        previous_sha256=last.sha256 if last else "",
        marks=b"".join(
            (key - first).to_bytes(4, "big") + digest[:_MARK_BYTES] for key, digest in rows
        ),
    )
    seal.sha256 = _sha256_of(seal)
    return seal


def _digests(first: int, last: int) -> list[tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS + " LIMIT %s", [first, last, BLOCK + 1])
        return [(key, bytes(digest)) for key, digest in cursor.fetchall()]


def _content(rows: list[tuple[int, bytes]]) -> str:
    return hashlib.sha256(b"".join(digest for _, digest in rows)).hexdigest()


def _sha256_of(seal: AuditSeal) -> str:
    marks = hashlib.sha256(bytes(seal.marks)).hexdigest()
    said = "|".join(
        map(
            str,
            (
                seal.previous_sha256,
                seal.first_event,
                seal.last_event,
                seal.number_of_events,
                seal.content_sha256,
                marks,
            ),
        )
    )
    return hashlib.sha256(said.encode()).hexdigest()


def verify_chain(*, contains: str = "") -> Verdict:
    """Compute the whole chain anew and say what does not fit.

    Parameters
    ----------
    contains
        a seal's digest as somebody kept it: it must be in the chain
    """
    flaws: list[Flaw] = []
    previous, expected_first, seals, records = "", 1, 0, 0
    for seal in AuditSeal.objects.order_by("pk").iterator(chunk_size=200):
        seals += 1
        records += seal.number_of_events
        if seal.previous_sha256 != previous or seal.first_event != expected_first:
            flaws.append(Flaw(seal.pk, None, "does not follow the seal before it"))
        if seal.sha256 != _sha256_of(seal):
            flaws.append(Flaw(seal.pk, None, "was changed"))
        flaws.extend(_flaws_inside(seal))
        previous, expected_first = seal.sha256, seal.last_event + 1
    if contains and not AuditSeal.objects.filter(sha256=contains).exists():
        flaws.append(Flaw(0, None, "the seal that was kept is not in the chain"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM archive_auditevent WHERE id >= %s", [expected_first])
        unsealed = int(cursor.fetchone()[0])
        cursor.execute("SELECT id FROM archive_auditevent WHERE id < 1 LIMIT 10")
        flaws.extend(Flaw(0, int(row[0]), "was added") for row in cursor.fetchall())
    return Verdict(seals, records, unsealed, previous, tuple(flaws))


def _flaws_inside(seal: AuditSeal) -> Iterator[Flaw]:
    """Name the records of a block that are not what was sealed."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [seal.first_event, seal.last_event])
        rows: list[Any] = [(key, bytes(digest)) for key, digest in cursor.fetchall()]
    if _content(rows) == seal.content_sha256 and len(rows) == seal.number_of_events:
        return
    marks, size = bytes(seal.marks), 4 + _MARK_BYTES
    sealed = {
        seal.first_event + int.from_bytes(marks[at : at + 4], "big"): marks[at + 4 : at + size]
        for at in range(0, len(marks), size)
    }
    found = {key: digest[:_MARK_BYTES] for key, digest in rows}
    for key in sorted(sealed.keys() | found.keys()):
        if key not in found:
            yield Flaw(seal.pk, key, "is gone")
        elif key not in sealed:
            yield Flaw(seal.pk, key, "was added")
        elif sealed[key] != found[key]:
            yield Flaw(seal.pk, key, "was changed")
