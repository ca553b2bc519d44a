"""Indexes of realms: sets of vectors that a right opens as a whole, each with an index of its own.

Whoever may see a project walks an index in which every row belongs to that project. A shared
index would lead past what they may not see, and the time that takes would tell of it. Realms that
are small have no index: exact search reads them whole.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from archive.models.turns import turn_if_free
from inference.models import EmbeddingSpace
from inference.similarity.facts import DEIDENTIFIED, PROJECT, facts_held
from inference.similarity.metrics import opclass
from inference.similarity.spaces.registry import (
    HNSW_EF_CONSTRUCTION,
    HNSW_M,
    STORED_LEVELS,
    index_name,
    needs_indexes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

# Realms of so many vectors get an index, and lose it below half of that.
REALM_ROWS = 10_000
# Spaces of so many vectors of a level get an index over the facts that filters ask for.
FACTS_ROWS = 5_000
_REALM_PREFIX, _FACTS_PREFIX = "embedding_realm_", "embedding_facts_"
_REALM_LOCK = 0x5457524D
_TABLE = "inference_embedding"
_KNOWN_S, _MAX_KNOWN = 5.0, 1000
_known_indexes: dict[tuple[str, ...], tuple[float, dict[str, float]]] = {}


class Realm(NamedTuple):
    """One set of rows: of a space, a stored level, with a fact."""

    space_id: int
    level: str
    fact: str


def walked_index(space: EmbeddingSpace, level: str, realm: str) -> str:
    """Return the name of the HNSW index over a realm.

    Parameters
    ----------
    space : stored space
    level : stored level
    realm : a fact of rights; empty for the whole space

    Returns
    -------
    A name, whether or not there is such an index.
    """
    if not realm:
        return index_name(space, level)
    return realm_index_name(Realm(space.pk, level, realm))


def realm_index_name(realm: Realm) -> str:
    """Return the name of a realm's index.

    Parameters
    ----------
    realm : space, level and fact

    Returns
    -------
    A name within PostgreSQL's 63 characters.
    """
    kind = realm.fact.replace(PROJECT, "p").replace(DEIDENTIFIED, "d_")
    return f"{_REALM_PREFIX}{realm.space_id}_{realm.level}_{kind}"


def reconcile_realms(*, least_rows: int = REALM_ROWS, least_facts: int = FACTS_ROWS) -> list[str]:
    """Make the indexes that realms have grown into; drop those of realms that are small or gone.

    Parameters
    ----------
    least_rows : of a realm with an index; one that has it keeps it down to half of that
    least_facts : of a space and level with an index over facts

    Returns
    -------
    Names of the indexes made.
    """
    with turn_if_free(_REALM_LOCK) as is_alone:
        return _reconcile(least_rows, least_facts) if is_alone else []


def existing_indexes(names: tuple[str, ...]) -> dict[str, float]:
    """Return which of the indexes can be walked, and about how many rows each holds.

    Parameters
    ----------
    names : of indexes

    Returns
    -------
    Name to rows; what was found is believed for some seconds.
    """
    now = time.monotonic()
    kept = _known_indexes.get(names)
    if kept is not None and now - kept[0] < _KNOWN_S:
        return kept[1]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY(%s) AND indisvalid AND pg_table_is_visible(pg_class.oid)",
            [list(names)],
        )
        found = {name: max(float(rows), 0.0) for name, rows in cursor.fetchall()}
    if len(_known_indexes) >= _MAX_KNOWN:
        _known_indexes.clear()
    if found:
        _known_indexes[names] = (now, found)
    return found


def _reconcile(least_rows: int, least_facts: int) -> list[str]:
    _known_indexes.clear()
    spaces = {space.pk: space for space in EmbeddingSpace.objects.all() if needs_indexes(space)}
    found = _existing()
    wanted: dict[str, str] = {}
    held = facts_held()
    for realm, rows in _realm_sizes(spaces).items():
        if realm.fact not in held:
            continue
        space, name = spaces[realm.space_id], realm_index_name(realm)
        if rows >= least_rows or (found.get(name) and rows >= least_rows / 2):
            wanted[name] = _hnsw(space, realm)
    for (space_id, level), rows in _level_sizes(spaces).items():
        if rows >= least_facts:
            wanted[f"{_FACTS_PREFIX}{space_id}_{level}"] = _gin(space_id, level)
    _drop(name for name, is_valid in found.items() if name not in wanted or not is_valid)
    made = [name for name in wanted if not found.get(name)]
    for name in made:
        _create(name, wanted[name])
    _known_indexes.clear()
    if made:
        logger.info("indexes of realms made", extra={"indexes": made})
    return made


def _existing() -> dict[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE (starts_with(relname, %s) OR starts_with(relname, %s))"
            " AND pg_table_is_visible(pg_class.oid)",
            [_REALM_PREFIX, _FACTS_PREFIX],
        )
        return dict(cursor.fetchall())


def _realm_sizes(spaces: Iterable[int]) -> dict[Realm, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT space_id, level, fact, count(*) FROM {_TABLE}, unnest(facts) fact"  # noqa: S608
            " WHERE space_id = ANY(%s) AND (strpos(fact, '=') = 0 OR fact LIKE %s OR fact LIKE %s)"
            " GROUP BY 1, 2, 3",
            [list(spaces), f"{PROJECT}%", f"{DEIDENTIFIED}%"],
        )
        return {Realm(*row[:3]): row[3] for row in cursor.fetchall()}


def _level_sizes(spaces: Iterable[int]) -> dict[tuple[int, str], int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT space_id, level, count(*) FROM {_TABLE} WHERE space_id = ANY(%s)"  # noqa: S608
            " GROUP BY 1, 2",
            [list(spaces)],
        )
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def _hnsw(space: EmbeddingSpace, realm: Realm) -> str:
    return (
        f"USING hnsw ((vector::halfvec({int(space.dimension)})) {opclass(space.metric)})"
        f" WITH (m = {HNSW_M}, ef_construction = {HNSW_EF_CONSTRUCTION})"
        f" WHERE space_id = {int(space.pk)} AND level = '{_known(realm.level)}'"
        f" AND facts @> ARRAY['{_plain(realm.fact)}']::text[]"
    )


def _gin(space_id: int, level: str) -> str:
    return f"USING gin (facts) WHERE space_id = {int(space_id)} AND level = '{_known(level)}'"


def _known(level: str) -> str:
    return STORED_LEVELS[STORED_LEVELS.index(level)]


def _plain(fact: str) -> str:
    """Facts of rights are made of our own words and keys; nothing else goes into a statement."""
    if not fact.replace("-", "").replace("=", "").isalnum():
        raise ValueError("a fact of rights is plain")
    return fact


def _create(name: str, definition: str) -> None:
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            # No table with rows whose checks are waiting can be indexed.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        # Keys, levels and facts are ours: nothing here comes from a request.
        cursor.execute(
            f'CREATE INDEX {_concurrently()} IF NOT EXISTS "{name}" ON {_TABLE} {definition}'
        )
        cursor.execute(f"ANALYZE {_TABLE}")


def _drop(names: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f'DROP INDEX {_concurrently()} IF EXISTS "{name}"')


def _concurrently() -> str:
    return "" if connection.in_atomic_block else "CONCURRENTLY"
