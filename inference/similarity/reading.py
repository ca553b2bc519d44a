"""The statements of a search: read every permitted row, or walk an index. One round trip each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from inference.similarity.permitted import COLUMNS, is_true, united

if TYPE_CHECKING:
    from inference.similarity.permitted import Part

logger = logging.getLogger(__name__)

# Key, keys of study, series, instance, frame, patient's key, distance.
Row = tuple[Any, ...]
_COLUMNS = ", ".join(COLUMNS)
# PostgreSQL's estimates know nothing of where in the vector space the permitted rows lie. Without
# sorting, hashing and merging only the ordered scan with nested loops is left; with little memory
# for hashes, rights are looked up for the rows met instead of listed for all rows.
_FOR_A_WALK = {
    "work_mem": "64kB",
    "hash_mem_multiplier": "1",
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}


def read_nearest(
    parts: list[Part], permitted: list[Part], wanted: int, budget: int | None
) -> tuple[list[Row], bool] | None:
    """Compute every distance and return the nearest rows.

    Every distance is computed before any is compared: no index has a say in it.

    Parameters
    ----------
    parts : rows to read, as exact search has them
    permitted : what is true of rights and filters
    wanted : rows at most
    budget : None where all rows may be read

    Returns
    -------
    Rows, nearest first, those left out of which only the copies said that they are permitted; and
    whether there were no more. None where more rows than the budget would have to be read.
    """
    scanned = [part.scanned for part in parts]
    if budget is not None:
        scanned = [part.at_most(budget + 1) for part in scanned]
    table, params = united(scanned)
    check, check_params = is_true(permitted, "nearest.id")
    # Column names are constants; what was asked for is in the parameters.
    statement = (
        f"WITH {table}, nearest AS MATERIALIZED ("  # noqa: S608
        f"SELECT {_COLUMNS}, (SELECT count(*) FROM candidates) AS number FROM candidates"
        f" ORDER BY distance, id LIMIT %s) SELECT {_COLUMNS}, {check}, number FROM nearest"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, wanted, *check_params])
        found = cursor.fetchall()
    if budget is not None and found and found[0][8] > budget:
        return None
    return _true_rows(found), len(found) < wanted


def walk_nearest(
    near: list[Part], permitted: list[Part], settings: dict[str, str]
) -> tuple[list[Row], int]:
    """Walk indexes and return what they lead to.

    Parameters
    ----------
    near : rows in the way that one index each can scan, from `Part.nearest`
    permitted : what is true of rights and filters
    settings : of the walk, from `inference.similarity.planning.walk_settings`

    Returns
    -------
    Rows in no order, those left out of which only the copies said that they are permitted; and
    how many there were with those.
    """
    union = " UNION ALL ".join(f"({part.sql})" for part in near)
    params = [value for part in near for value in part.params]
    check, check_params = is_true(permitted, "nearest.id")
    statement = (
        f"WITH nearest ({_COLUMNS}) AS MATERIALIZED ({union})"  # noqa: S608 Django's text
        f" SELECT {_COLUMNS}, {check} FROM nearest"
    )
    found = _fetch_with({**settings, **_FOR_A_WALK}, statement, [*params, *check_params])
    return _true_rows(found), len(found)


def _true_rows(found: list[Row]) -> list[Row]:
    kept = [row[:7] for row in found if row[7]]
    if len(kept) < len(found):
        logger.warning("copies of rights or filters were stale", extra={"rows": len(found)})
    return kept


def _fetch_with(settings: dict[str, str], statement: str, params: list[Any]) -> list[Row]:
    """Run a statement under settings that end with it."""
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    configure = f"SELECT {calls}"
    values = [text for pair in settings.items() for text in pair]
    with connection.cursor() as cursor:
        if not connection.in_atomic_block:
            # Statements sent together are one transaction, at whose end the settings end.
            cursor.execute(f"{configure}; {statement}", [*values, *params])
            cursor.nextset()
            return list(cursor.fetchall())
        with transaction.atomic():
            cursor.execute(configure, values)
            cursor.execute(statement, params)
            found = list(cursor.fetchall())
            # Nothing was written, and so the settings end here inside an outer transaction, too.
            transaction.set_rollback(True)
        return found
