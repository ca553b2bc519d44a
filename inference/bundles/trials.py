"""What a version said on trial stays for reviewers when the version is on trial no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from inference.models import ModelVersion

# Runs all of whose results are withheld as a trial's. What a run said before its version was put
# on trial is everybody's again.
_KEEP = """
WITH output AS (
  SELECT run.id, series.withheld FROM inference_run run
  CROSS JOIN LATERAL jsonb_each_text(run.outputs) named
  JOIN archive_instance instance ON instance.sop_instance_uid = named.value
  JOIN archive_series series ON series.id = instance.series_id
  WHERE run.model_version_id = %s AND NOT run.is_shadow AND run.state = 'succeeded'
    AND series.withheld <> 'deleted'
)
UPDATE inference_run SET is_shadow = true
WHERE id IN (SELECT id FROM output GROUP BY id HAVING bool_and(withheld = 'trial'))
"""


def keep_trials(version: ModelVersion) -> int:
    """Mark the runs of a version whose results are on trial, so that they stay there.

    Parameters
    ----------
    version
        that is about to leave the shadow without being promoted

    Returns
    -------
    how many were not marked yet
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [version.pk])
        return int(cursor.rowcount)
