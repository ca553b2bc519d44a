"""Records of reading: hundreds a second, each there before the first byte leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection

from archive.models.statements import fetch_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = (
    "event_id",
    "act",
    "action",
    "outcome",
    "actor_id",
    "actor_name",
    "token_hint",
    "door",
    "address",
    "study_instance_uid",
    "details",
)
_TYPES = {"outcome": "smallint", "actor_id": "bigint", "address": "inet", "details": "jsonb"}
_VALUES = ", ".join(
    f"${number}::text::{_TYPES.get(name, 'varchar')}" for number, name in enumerate(_COLUMNS, 1)
)
_INSERT = f"""
    INSERT INTO archive_auditevent (recorded_at, {", ".join(_COLUMNS)})
    SELECT clock_timestamp(), {_VALUES}
"""
_KEEP = f"{_INSERT} RETURNING id"
# The row is there for everybody at once, and on disk within the fraction of a second in which the
# log's writer comes by: no reader waits for the disk. What changes something is recorded in the
# transaction of the change, which does wait.
_KEEP_SOON = f"""
    {_INSERT} FROM (SELECT set_config('synchronous_commit', 'off', true) AS commit) AS setting
    WHERE setting.commit = 'off' RETURNING id
"""


def record_read(values: Mapping[str, Any]) -> None:
    """Write the record of a read.

    Parameters
    ----------
    values
        by column of an AuditEvent, as the functions of `archive.audit.services` make them
    """
    said = [_text(values[name]) for name in _COLUMNS]
    # Inside a transaction the setting would hold for everything else in it.
    fetch_rows(_KEEP if connection.in_atomic_block else _KEEP_SOON, said)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, dict) else str(value)
