"""What models said of synthetic studies, and a trail of who read them: rows alone, by SQL."""

from __future__ import annotations

from typing import Any

_BLOCK = 50_000
_NUMBERS = "generate_series(%(first)s::bigint + 1, %(last)s)"
_RUNS = f"""
    INSERT INTO inference_run (model_version_id, study_id, series_id, state, is_background,
        priority, is_shadow, input_digest, attempts, worker_deaths, not_before, device, message,
        outputs, timings, log, inputs, created_at, started_at, finished_at)
    SELECT %(version)s, n, n, 'succeeded', false, 2, false, md5('r' || n), 1, 0, at, 'cpu', '',
        jsonb_build_object('sr', '2.25.' || n), '{{}}', '', '{{}}', at, at, at
    FROM {_NUMBERS} n, LATERAL (SELECT now() - (%(last)s - n) * interval '10 seconds' AS at) moment
    RETURNING id, series_id
"""  # noqa: S608 numbers of our own
_FINDINGS = f"""
    WITH run AS ({_RUNS})
    INSERT INTO inference_finding (run_id, series_id, kind, name, label, unit, probability,
        location, tracking_uid, review, is_critical)
    SELECT id, series_id, 'classification', 'finding', (ARRAY['nodule', 'effusion'])[part], '',
        0.5, '{{}}', '', 'unverified', false
    FROM run, generate_series(1, 2) part
"""  # noqa: S608 numbers of our own
_TRAIL = f"""
    INSERT INTO archive_auditevent (recorded_at, event_id, act, action, outcome, actor_id,
        actor_name, token_hint, door, address, study_instance_uid, details)
    SELECT now() - (%(all)s - n) * interval '1 second', '110103', 'read-resource', 'R',
        CASE WHEN n %% 997 = 0 THEN 4 ELSE 0 END, %(actor)s, 'reader' || n %% 300,
        'tws_' || n %% 50, 'fhir', ('10.0.' || n %% 9 || '.' || n %% 250)::inet,
        '2.25.' || ('x' || substr(md5('s' || (n %% %(studies)s + 1)), 1, 15))::bit(60)::bigint,
        jsonb_build_object('resource', 'ImagingStudy/' || n)
    FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own


def grow_results(cursor: Any, *, count: int) -> None:
    """Give the first studies a result with two findings each, where there is none yet.

    Parameters
    ----------
    cursor
        of Django
    count
        how many of them
    """
    from inference.models import ModelVersion, Run  # noqa: PLC0415 after setup

    version, _ = ModelVersion.objects.get_or_create(
        name="bench-finder", version="1", task="classify", defaults={"state": "active"}
    )
    if Run.objects.filter(model_version=version).exists():
        return
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        cursor.execute(_FINDINGS, {"version": version.pk, "first": first, "last": last})
    cursor.execute("ANALYZE inference_run, inference_finding")


def grow_trail(cursor: Any, actor_id: int, *, count: int, studies: int) -> None:
    """Write a trail of reads, one a second until now, where there is none as long yet.

    Parameters
    ----------
    cursor
        of Django
    actor_id
        the account that read
    count
        how many records
    studies
        how many studies there are to read
    """
    cursor.execute("SELECT count(*) FROM archive_auditevent")
    known = int(cursor.fetchone()[0])
    for first in range(known, count, _BLOCK):
        values = {"first": first, "last": min(first + _BLOCK, count), "all": count}
        cursor.execute(_TRAIL, {**values, "actor": actor_id, "studies": studies})
    cursor.execute("ANALYZE archive_auditevent")
