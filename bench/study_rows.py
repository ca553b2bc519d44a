"""An archive of very many synthetic studies for the index alone, written by SQL.

Names, dates, modalities and descriptions are those of `bench.archive_rows`; a study has one series
of one instance here, so that a million of them fit on a small machine. Every twentieth study is of
another project, and no file lies behind any of them. They came one every ten seconds, and changed
last in another order.
"""

from __future__ import annotations

from typing import Any

from bench.archive_rows import _DESCRIPTIONS, _FAMILIES, _GIVEN, _MODALITIES, _STEMS

_BLOCK = 50_000
STUDIES_PER_PATIENT = 2
_UID = "('2.25.' || ('x' || substr(md5('{0}' || n), 1, 15))::bit(60)::bigint::text)"
_NUMBERS = "generate_series(%(first)s::bigint + 1, %(last)s)"
_PATIENTS = f"""
    INSERT INTO archive_patient (id, dicom_patient_id, issuer_of_patient_id, patient_name,
        patient_name_search, patient_birth_date, patient_sex, created_at)
    SELECT n, 'P' || lpad(n::text, 8, '0'), '', name, lower(replace(name, '^', ' ')),
        date '1930-01-01' + (n * 7919 %% 30000)::int, (ARRAY['F', 'M'])[n %% 2 + 1],
        now() - (%(all)s - n * {STUDIES_PER_PATIENT}) * interval '10 seconds'
    FROM generate_series(%(first)s::bigint / {STUDIES_PER_PATIENT} + 1,
        %(last)s / {STUDIES_PER_PATIENT})
        n, LATERAL (SELECT (%(families)s::text[])[n * 7 %% 26 + 1]
            || (%(stems)s::text[])[n * 13 / 26 %% 10 + 1] || '^'
            || (%(given)s::text[])[n * 5 %% 16 + 1] AS name) named
"""  # noqa: S608 numbers of our own
_STUDIES = f"""
    INSERT INTO archive_study (id, patient_id, study_instance_uid, study_date, study_time,
        accession_number, dicom_study_id, study_description, referring_physician_name,
        referring_physician_name_search, patient_age, timezone_offset_from_utc,
        specific_character_set, modalities_in_study, body_parts, number_of_study_related_series,
        number_of_study_related_instances, is_deidentified, created_at, updated_at)
    SELECT n, (n - 1) / {STUDIES_PER_PATIENT} + 1, {_UID.format("s")},
        date '2015-01-01' + (n * 7907 %% 3900)::int,
        time '07:00' + (n * 37 %% 50000) * interval '1 second', 'A' || lpad(n::text, 9, '0'),
        n::text,
        (%(descriptions)s::text[])[n %% 8 + 1] || ' ' || (%(descriptions)s::text[])[n / 8 %% 8 + 1],
        'Referrer^' || n %% 400, 'referrer ' || n %% 400, '', '', 'ISO_IR 192',
        ARRAY[(%(modalities)s::text[])[n %% 5 + 1]], ARRAY['CHEST'], 1, 1,
        false, now() - (%(all)s - n) * interval '10 seconds',
        now() - (%(all)s - n * 7919 %% %(all)s) * interval '10 seconds'
    FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own
_PROJECTS = f"""
    INSERT INTO archive_study_projects (study_id, project_id)
    SELECT n, CASE WHEN n %% 20 = 0 THEN %(other)s ELSE %(project)s END FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own
_SERIES = f"""
    INSERT INTO archive_series (id, study_id, series_instance_uid, modality, series_number,
        series_description, body_part_examined, laterality, protocol_name, manufacturer,
        manufacturer_model_name, station_name, institution_name, frame_of_reference_uid,
        request_attributes, number_of_series_related_instances, created_at, updated_at)
    SELECT n, n, {_UID.format("r")}, (%(modalities)s::text[])[n %% 5 + 1], 1,
        'Series ' || n %% 50, 'CHEST', '', '', 'Bench', 'One', '', 'Bench Hospital', '', '[]', 1,
        now(), now()
    FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own
_BLOBS = f"""
    INSERT INTO archive_blob (id, sha256, size_bytes, state, created_at)
    SELECT n, md5('b' || n) || md5('c' || n), 530000, 'stored', now() FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own
_INSTANCES = f"""
    INSERT INTO archive_instance (series_id, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
        instance_number, rows, columns, bits_allocated, samples_per_pixel, number_of_frames,
        photometric_interpretation, has_pixel_data, specific_character_set, cleaned_keywords,
        blob_id, dataset_sha256, created_at)
    SELECT n, {_UID.format("i")}, '1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1', 1, 512, 512,
        16, 1, 1, 'MONOCHROME2', true, 'ISO_IR 192', '{{}}', n, md5('b' || n) || md5('d' || n),
        now()
    FROM {_NUMBERS} n
"""  # noqa: S608 numbers of our own
_KEYS = ("patient", "study", "series", "blob")


def grow_studies(cursor: Any, project_id: int, other_id: int, *, count: int) -> None:
    """Fill an empty archive with so many studies.

    Parameters
    ----------
    cursor
        of psycopg or Django
    project_id, other_id
        where nineteen of twenty studies go, and where the twentieth does
    count
        a multiple of 100
    """
    for first in range(0, count, _BLOCK):
        values = {
            "all": count,
            "first": first,
            "last": min(first + _BLOCK, count),
            "project": project_id,
            "other": other_id,
            "families": _FAMILIES,
            "stems": _STEMS,
            "given": _GIVEN,
            "descriptions": _DESCRIPTIONS,
            "modalities": _MODALITIES,
        }
        for statement in (_PATIENTS, _STUDIES, _PROJECTS, _SERIES, _BLOBS, _INSTANCES):
            cursor.execute(statement, values)
        # What triggers look up is planned by what the tables hold, not by what they held.
        cursor.execute("ANALYZE")
    for name in _KEYS:
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('archive_{name}', 'id'), max(id))"  # noqa: S608
            f" FROM archive_{name}"
        )
    cursor.execute("ANALYZE")


_DIMENSION = 128
_VECTORS = f"""
    INSERT INTO inference_embedding (space_id, level, study_id, series_id, created_at, vector)
    SELECT %(space)s, 'series', n, n, now(),
        (SELECT array_agg(random() - 0.5 + 0 * i) FROM generate_series(1, {_DIMENSION}) i
            WHERE n > 0)::halfvec
    FROM generate_series(%(first)s::bigint + 1, %(last)s) n
    WHERE NOT EXISTS (
        SELECT 1 FROM inference_embedding e WHERE e.space_id = %(space)s AND e.series_id = n
    )
"""  # noqa: S608 numbers of our own


def grow_vectors(cursor: Any, *, count: int) -> int:
    """Give the first series a random vector each, in a space that is searched by default.

    Parameters
    ----------
    cursor
        of Django
    count
        how many of them

    Returns
    -------
    how many are new
    """
    from inference.models import EmbeddingSpace, ModelVersion  # noqa: PLC0415 after setup

    version, _ = ModelVersion.objects.get_or_create(name="bench", version="1", task="embed")
    space, _ = EmbeddingSpace.objects.get_or_create(
        name="bench",
        defaults={"dimension": _DIMENSION, "model_version": version, "is_default": True},
    )
    added = 0
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        cursor.execute(_VECTORS, {"space": space.pk, "first": first, "last": last})
        added += cursor.rowcount
    return added
