"""Embedding spaces and their indexes: one partial HNSW index a space and stored level."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import connection, transaction

from inference.models import Embedding, EmbeddingSpace
from inference.similarity.errors import InvalidVectorError, UnknownSpaceError
from inference.similarity.metrics import opclass

if TYPE_CHECKING:
    from inference.models import ModelVersion

logger = logging.getLogger(__name__)

STORED_LEVELS: tuple[str, ...] = tuple(Embedding.Level.values)
# pgvector's limit for an HNSW index on halfvec.
MAX_DIMENSION = 4000
HNSW_M = 16
HNSW_EF_CONSTRUCTION = 128
# First key of advisory locks on a space's indexes; the second is the space's.
_INDEX_LOCK = 0x5457494E


def register_space(
    model_version: ModelVersion,
    *,
    dimension: int,
    name: str = "",
    is_default: bool = False,
) -> EmbeddingSpace:
    """Make the space of a model version with its indexes, or bring an existing one up to date.

    Parameters
    ----------
    model_version : the model whose vectors the space holds, never another's
    dimension : length of its vectors, 1 to 4000
    name : by which the API knows it; ``<model>-<version>`` where empty
    is_default : searched where a query names no space; takes this from the space that had it

    Returns
    -------
    The space; its indexes exist unless another process is making them at this moment.

    Raises
    ------
    InvalidVectorError
        The dimension can't be indexed, or differs from that of the space's stored vectors.
    """
    if not 1 <= dimension <= MAX_DIMENSION:
        raise InvalidVectorError(f"A space has 1 to {MAX_DIMENSION} dimensions, not {dimension}.")
    with transaction.atomic():
        space, _ = EmbeddingSpace.objects.select_for_update().get_or_create(
            model_version=model_version,
            defaults={
                "name": name or f"{model_version.name}-{model_version.version}",
                "dimension": dimension,
            },
        )
        if space.dimension != dimension:
            raise InvalidVectorError(
                f"The space {space.name} has {space.dimension} dimensions, not {dimension}."
            )
        if is_default and not space.is_default:
            EmbeddingSpace.objects.filter(is_default=True).update(is_default=False)
            space.is_default = True
            space.save(update_fields=["is_default"])
    ensure_space_indexes(space)
    return space


def find_space(name: str = "") -> EmbeddingSpace:
    """Return the space of that name, or the default one.

    Parameters
    ----------
    name : empty for the default space

    Returns
    -------
    The space with its model version.

    Raises
    ------
    UnknownSpaceError
        There is no such space.
    """
    spaces = EmbeddingSpace.objects.select_related("model_version")
    wanted = spaces.filter(name=name) if name else spaces.filter(is_default=True)
    space = wanted.first() if "\x00" not in name else None
    if space is None:
        message = (
            "There is no embedding space of this name."
            if name
            else "There is no default embedding space yet: no embedding model is registered."
        )
        raise UnknownSpaceError(message, field="space")
    return space


def index_name(space: EmbeddingSpace, level: str) -> str:
    """Return the name of a space's index.

    Parameters
    ----------
    space : stored space
    level : stored level: frame, instance or series

    Returns
    -------
    A name that carries the space's key and the level.
    """
    return f"embedding_hnsw_{space.pk}_{level}"


def ensure_space_indexes(space: EmbeddingSpace) -> list[str]:
    """Make the indexes that the space lacks, and those that an interrupted build left broken.

    Outside a transaction they are built concurrently, so that ingest goes on. Where another
    process builds at this moment, nothing is done: `reconcile_indexes` comes again.

    Parameters
    ----------
    space : stored space

    Returns
    -------
    Names of the indexes made.
    """
    with connection.cursor() as cursor:
        # Tried, not waited for: a waiting statement would hold a snapshot, and a concurrent
        # build waits for all snapshots in its turn.
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_INDEX_LOCK, space.pk])
        if not cursor.fetchone()[0]:
            return []
        try:
            return [
                name for level in STORED_LEVELS if (name := _ensure_index(space, level)) is not None
            ]
        finally:
            if connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_INDEX_LOCK, space.pk])


def drop_space_index(space: EmbeddingSpace) -> None:
    """Drop the indexes of a space; its vectors stay, and searches in it become exact.

    Parameters
    ----------
    space : stored space
    """
    with connection.cursor() as cursor:
        for level in STORED_LEVELS:
            cursor.execute(f'DROP INDEX {_concurrently()} IF EXISTS "{index_name(space, level)}"')


def reconcile_indexes() -> list[str]:
    """Make every index that is missing, over all spaces; drop those of spaces that are gone.

    Returns
    -------
    Names of the indexes made.
    """
    spaces = list(EmbeddingSpace.objects.all())
    wanted = {index_name(space, level) for space in spaces for level in STORED_LEVELS}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'i'"
            r" AND relname LIKE 'embedding\_hnsw\_%%' AND pg_table_is_visible(oid)"
        )
        for name in {row[0] for row in cursor.fetchall()} - wanted:
            cursor.execute(f'DROP INDEX {_concurrently()} IF EXISTS "{name}"')
    made = [name for space in spaces for name in ensure_space_indexes(space)]
    if made:
        logger.info("vector indexes made", extra={"indexes": made})
    return made


def _ensure_index(space: EmbeddingSpace, level: str) -> str | None:
    name = index_name(space, level)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [f'"{name}"']
        )
        row = cursor.fetchone()
        if row is not None and row[0]:
            return None
        if row is not None:
            cursor.execute(f'DROP INDEX {_concurrently()} IF EXISTS "{name}"')
        if connection.in_atomic_block:
            # Rows written before in this transaction wait for their checks, and no table with
            # such rows can be indexed.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        # Keys, numbers and levels are ours: nothing here comes from a request.
        cursor.execute(
            f'CREATE INDEX {_concurrently()} IF NOT EXISTS "{name}"'
            f" ON {Embedding._meta.db_table} USING hnsw"  # noqa: SLF001 Django's documented API
            f" ((vector::halfvec({int(space.dimension)})) {opclass(space.metric)})"
            f" WITH (m = {HNSW_M}, ef_construction = {HNSW_EF_CONSTRUCTION})"
            f" WHERE space_id = {int(space.pk)} AND level = '{level}'"
        )
    return name


def _concurrently() -> str:
    return "" if connection.in_atomic_block else "CONCURRENTLY"
