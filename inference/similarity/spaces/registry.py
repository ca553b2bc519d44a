"""Embedding spaces and their indexes: one partial HNSW index a space and stored level."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction

from archive.models.turns import turn_if_free
from inference.models import Embedding, EmbeddingSpace
from inference.similarity.errors import (
    InvalidVectorError,
    SpaceConflictError,
    SpaceNotReadyError,
    UnknownSpaceError,
)
from inference.similarity.metrics import opclass

if TYPE_CHECKING:
    from inference.models import ModelVersion, Projection

logger = logging.getLogger(__name__)

STORED_LEVELS: tuple[str, ...] = tuple(Embedding.Level.values)
# pgvector's limit for an HNSW index on halfvec.
MAX_DIMENSION = 4000
HNSW_M = 16
HNSW_EF_CONSTRUCTION = 64
# Under which the indexes of a space are made.
_INDEX_LOCK = 0x5457494E


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceOrigin:
    """What the vectors of a space come from; written once.

    Attributes
    ----------
    weights_digest : SHA-256 of what was learned (or of a descriptor's name and version), not of
        an export of it, which differs from machine to machine
    preprocessing_version : what is done to a display image before
    metric : of `EmbeddingSpace.Metric`
    base_space, projection : of a projected space, both or none
    """

    weights_digest: str = ""
    preprocessing_version: str = ""
    metric: str = EmbeddingSpace.Metric.COSINE
    base_space: EmbeddingSpace | None = None
    projection: Projection | None = None


def register_space(
    model_version: ModelVersion,
    *,
    dimension: int,
    name: str = "",
    is_default: bool = False,
    origin: SpaceOrigin | None = None,
    state: str = EmbeddingSpace.State.READY,
) -> EmbeddingSpace:
    """Make the space of a model version with its indexes, or bring an existing one up to date.

    Parameters
    ----------
    model_version : the model whose vectors the space holds, never another's
    dimension : length of its vectors, 1 to 4000
    name : by which the API knows it; ``<model>-<version>`` where empty
    is_default : searched where a query names no space; takes this from the space that had it
    origin : what its vectors come from; None leaves that of an existing space unasked
    state : of a space that is new; one that is not ready has no indexes yet

    Returns
    -------
    The space; a ready one's indexes exist unless another process is making them at this moment.

    Raises
    ------
    InvalidVectorError
        The dimension can't be indexed, or differs from that of the space's stored vectors.
    SpaceConflictError
        The space's vectors come from something else: that needs a model version of its own.
    """
    if not 1 <= dimension <= MAX_DIMENSION:
        raise InvalidVectorError(f"A space has 1 to {MAX_DIMENSION} dimensions, not {dimension}.")
    given = origin or SpaceOrigin()
    with transaction.atomic():
        space, is_new = EmbeddingSpace.objects.select_for_update(of=("self",)).get_or_create(
            model_version=model_version,
            defaults={
                "name": name or f"{model_version.name}-{model_version.version}",
                "dimension": dimension,
                "state": state,
                "metric": given.metric,
                "weights_digest": given.weights_digest,
                "preprocessing_version": given.preprocessing_version,
                "base_space": given.base_space,
                "projection": given.projection,
            },
        )
        if space.dimension != dimension:
            raise InvalidVectorError(
                f"The space {space.name} has {space.dimension} dimensions, not {dimension}."
            )
        if origin is not None and not is_new:
            _complete_origin(space, origin)
        if is_default and not space.is_default:
            EmbeddingSpace.objects.filter(is_default=True).update(is_default=False)
            space.is_default = True
            space.save(update_fields=["is_default"])
    if needs_indexes(space):
        ensure_space_indexes(space)
    return space


def _complete_origin(space: EmbeddingSpace, origin: SpaceOrigin) -> None:
    """Fill in what an old space does not say of itself; refuse what contradicts it."""
    if space.metric != origin.metric:
        raise SpaceConflictError(f"The space {space.name} has the metric {space.metric}.")
    changed = []
    for field in ("weights_digest", "preprocessing_version"):
        stated, given = getattr(space, field), getattr(origin, field)
        if stated and given and stated != given:
            raise SpaceConflictError(
                f"The vectors of the space {space.name} come from something else ({field})."
            )
        if given and not stated:
            setattr(space, field, given)
            changed.append(field)
    if changed:
        space.save(update_fields=changed)


def find_space(name: str = "", *, in_any_state: bool = False) -> EmbeddingSpace:
    """Return the space of that name, or the default one.

    Parameters
    ----------
    name : empty for the default space
    in_any_state : also one that can't answer yet, or any more

    Returns
    -------
    The space with its model version.

    Raises
    ------
    UnknownSpaceError
        There is no such space.
    SpaceNotReadyError
        It is not filled yet; the message says how far it is.
    """
    # Without the matrix of a projection, which is large.
    spaces = EmbeddingSpace.objects.select_related(
        "model_version", "fill", "base_space__model_version", "projection"
    ).defer("projection__matrix")
    wanted = spaces.filter(name=name) if name else spaces.filter(is_default=True)
    space = wanted.first() if "\x00" not in name else None
    if space is None:
        message = (
            "There is no embedding space of this name."
            if name
            else "There is no default embedding space yet: no embedding model is registered."
        )
        raise UnknownSpaceError(message, field="space")
    # The default space answers with what it has: there is nothing better to ask.
    may_answer = space.is_default or space.state == EmbeddingSpace.State.READY
    if not may_answer and not in_any_state:
        raise SpaceNotReadyError(_why_not_ready(space), field="space")
    return space


def space_provenance(space: EmbeddingSpace) -> dict[str, str | int]:
    """Say what the vectors of a space come from, for answers and pages.

    Parameters
    ----------
    space : with its model version; its base space and projection where it has them

    Returns
    -------
    ``space``, ``model``, ``weights`` (SHA-256), ``preprocessing``, ``metric``, ``dimension`` and,
    of a projected space, ``base``, ``projection`` (kind and SHA-256).
    """
    stated: dict[str, str | int] = {
        "space": space.name,
        "model": str(space.model_version),
        "weights": space.weights_digest,
        "preprocessing": space.preprocessing_version,
        "metric": space.metric,
        "dimension": space.dimension,
    }
    if space.base_space is not None and space.projection is not None:
        stated["base"] = space.base_space.name
        stated["projection"] = f"{space.projection.kind} {space.projection.sha256}"
    return stated


def _why_not_ready(space: EmbeddingSpace) -> str:
    if space.state == EmbeddingSpace.State.RETIRED:
        return f"The embedding space {space.name} is retired."
    fill = getattr(space, "fill", None)
    if space.state == EmbeddingSpace.State.REGISTERED or fill is None:
        return f"The embedding space {space.name} is not filled: an administrator can fill it."
    # A share: numbers would count cases that the asker may not see.
    done, total = fill.number_of_images_done, fill.number_of_images
    share = min(99, 100 * done // total) if total else 0
    paused = ", and paused" if fill.is_paused else ""
    return f"The embedding space {space.name} is being filled: {share} % of it is there{paused}."


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
    # Over every row, whomever it may concern: the condition on the patient's key holds for all,
    # and only who may see everything asks with it (`inference.similarity.realms` has the others).
    return f"embedding_hnsw_{space.pk}_{level}_all"


def needs_indexes(space: EmbeddingSpace) -> bool:
    """Tell whether a space should have its indexes: one that is filled is indexed at its end.

    Parameters
    ----------
    space : stored space

    Returns
    -------
    True for ready spaces and the default one.
    """
    return space.is_default or space.state == EmbeddingSpace.State.READY


def are_indexes_valid(space: EmbeddingSpace) -> bool:
    """Tell whether every index of a space is there and whole.

    Parameters
    ----------
    space : stored space

    Returns
    -------
    False while one is being built, too.
    """
    names = [index_name(space, level) for level in STORED_LEVELS]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = ANY(%s) AND indisvalid AND pg_table_is_visible(pg_class.oid)",
            [names],
        )
        return bool(cursor.fetchone()[0] == len(names))


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
    # Tried, not waited for: a waiting statement would hold a snapshot, and a concurrent build waits
    # for all snapshots in its turn.
    with turn_if_free(_INDEX_LOCK, str(space.pk)) as is_alone:
        levels = STORED_LEVELS if is_alone else ()
        return [name for level in levels if (name := _ensure_index(space, level)) is not None]


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
    """Make every index that is missing, over all spaces that answer; drop those of the others.

    Returns
    -------
    Names of the indexes made.
    """
    spaces = [space for space in EmbeddingSpace.objects.all() if needs_indexes(space)]
    kept = [*spaces, *EmbeddingSpace.objects.filter(state=EmbeddingSpace.State.FILLING)]
    wanted = {index_name(space, level) for space in kept for level in STORED_LEVELS}
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
            f" WHERE space_id = {int(space.pk)} AND level = '{level}' AND patient_key > -1"
        )
    return name


def _concurrently() -> str:
    return "" if connection.in_atomic_block else "CONCURRENTLY"
