"""An archive of synthetic studies for the index alone: rows without files, written by SQL.

Ten instances a series, four series a study, two studies a patient; names, dates, modalities and
descriptions are spread as a hospital's are. UIDs are random, as scanners' are to an index.
"""

from __future__ import annotations

from typing import Any

PER_SERIES, PER_STUDY, STUDIES_PER_PATIENT = 10, 4, 2
INSTANCES_PER_STUDY = PER_SERIES * PER_STUDY
_BLOCK = 40_000
_FAMILIES = [
    *("Adams", "Baker", "Clark", "Davis", "Evans", "Frank", "Green", "Harris", "Irving", "Jones"),
    *("King", "Lewis", "Miller", "Nelson", "Owens", "Parker", "Quinn", "Roberts", "Smith"),
    *("Taylor", "Underwood", "Vaughn", "Walker", "Xavier", "Young", "Zimmermann"),
]
_GIVEN = [
    *("Anna", "Ben", "Clara", "David", "Eva", "Felix", "Grace", "Hugo"),
    *("Ida", "Jan", "Karl", "Lena", "Max", "Nora", "Otto", "Paula"),
]
_STEMS = ["son", "berg", "mann", "stein", "field", "wood", "ford", "ley", "ton", "man"]
_DESCRIPTIONS = ["Thorax", "Abdomen", "Head", "Knee", "Spine", "Pelvis", "Follow-up", "Angio"]
_MODALITIES = ["CT", "MR", "CR", "DX", "US"]
_UID = "('2.25.' || ('x' || substr(md5(%(seed)s || '{0}' || n), 1, 15))::bit(60)::bigint::text)"
_PATIENTS = """
    INSERT INTO archive_patient (dicom_patient_id, issuer_of_patient_id, patient_name,
        patient_name_search, patient_birth_date, patient_sex, created_at)
    SELECT 'P' || %(seed)s || lpad(n::text, 8, '0'), '', name, lower(replace(name, '^', ' ')),
        date '1930-01-01' + (n * 7919 %% 30000)::int, (ARRAY['F', 'M'])[n %% 2 + 1], now()
    FROM generate_series(%(patients)s::bigint + 1, %(patients)s + %(new_patients)s) n,
        LATERAL (SELECT (%(families)s::text[])[n * 7 %% 26 + 1]
            || (%(stems)s::text[])[n * 13 / 26 %% 10 + 1] || '^'
            || (%(given)s::text[])[n * 5 %% 16 + 1] AS name) named
    RETURNING id
"""
_STUDIES = f"""
    INSERT INTO archive_study (patient_id, study_instance_uid, study_date, study_time,
        accession_number, dicom_study_id, study_description, referring_physician_name,
        referring_physician_name_search, patient_age, timezone_offset_from_utc,
        specific_character_set, modalities_in_study, body_parts, number_of_study_related_series,
        number_of_study_related_instances, is_deidentified, created_at, updated_at)
    SELECT (%(patient_ids)s::bigint[])[(n - %(studies)s - 1) / {STUDIES_PER_PATIENT} + 1],
        {_UID.format("s")}, date '2015-01-01' + (n * 7907 %% 3900)::int,
        time '07:00' + (n * 37 %% 50000) * interval '1 second', 'A' || %(seed)s || n, n::text,
        (%(descriptions)s::text[])[n %% 8 + 1] || ' ' || (%(descriptions)s::text[])[n / 8 %% 8 + 1],
        'Referrer^' || n %% 400, 'referrer ' || n %% 400, '', '', 'ISO_IR 192',
        ARRAY[(%(modalities)s::text[])[n %% 5 + 1]], '{{}}', {PER_STUDY}, {INSTANCES_PER_STUDY},
        false, now() - n * interval '1 minute', now()
    FROM generate_series(%(studies)s::bigint + 1, %(studies)s + %(new_studies)s) n
    RETURNING id
"""  # noqa: S608 numbers of our own
_PROJECTS = """
    INSERT INTO archive_study_projects (study_id, project_id)
    SELECT unnest(%(study_ids)s::bigint[]), %(project)s
"""
_SERIES = f"""
    INSERT INTO archive_series (study_id, series_instance_uid, modality, series_number,
        series_description, body_part_examined, laterality, protocol_name, manufacturer,
        manufacturer_model_name, station_name, institution_name, frame_of_reference_uid,
        request_attributes, number_of_series_related_instances, created_at, updated_at)
    SELECT (%(study_ids)s::bigint[])[(n - %(series)s - 1) / {PER_STUDY} + 1], {_UID.format("r")},
        (%(modalities)s::text[])[(n - 1) / {PER_STUDY} %% 5 + 1], n %% {PER_STUDY} + 1,
        'Series ' || n %% 50, (%(descriptions)s::text[])[n %% 6 + 1], '', '', 'Bench', 'One', '',
        'Bench Hospital', '', '[]', {PER_SERIES}, now(), now()
    FROM generate_series(%(series)s::bigint + 1, %(series)s + %(new_series)s) n
    RETURNING id
"""  # noqa: S608 numbers of our own
_BLOBS = """
    INSERT INTO archive_blob (sha256, size_bytes, state, created_at)
    SELECT md5(%(seed)s || 'b' || n) || md5(%(seed)s || 'c' || n), 530000, 'stored', now()
    FROM generate_series(%(instances)s::bigint + 1, %(instances)s + %(new_instances)s) n
    RETURNING id
"""
_INSTANCES = f"""
    INSERT INTO archive_instance (series_id, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
        instance_number, rows, columns, bits_allocated, samples_per_pixel, number_of_frames,
        photometric_interpretation, has_pixel_data, specific_character_set, cleaned_keywords,
        blob_id, dataset_sha256, created_at)
    SELECT (%(series_ids)s::bigint[])[(n - %(instances)s - 1) / {PER_SERIES} + 1],
        {_UID.format("i")}, '1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1',
        n %% {PER_SERIES} + 1, 512, 512, 16, 1, 1, 'MONOCHROME2', true, 'ISO_IR 192', '{{}}',
        (%(blob_ids)s::bigint[])[n - %(instances)s], md5(%(seed)s || 'b' || n) || md5('d' || n),
        now()
    FROM generate_series(%(instances)s::bigint + 1, %(instances)s + %(new_instances)s) n
"""  # noqa: S608 numbers of our own


def grow(cursor: Any, project_id: int, *, first: int, last: int, seed: str = "G") -> None:
    """Add the instances from number ``first`` up to ``last``, in whole studies.

    Parameters
    ----------
    cursor
        of psycopg or Django
    project_id
        where the studies go
    first, last
        multiples of 80: two studies of a patient
    seed
        sets this archive's identifiers apart
    """
    for start in range(first, last, _BLOCK):
        _grow_block(cursor, project_id, start, min(_BLOCK, last - start), seed)
    cursor.execute("ANALYZE")


def _grow_block(cursor: Any, project_id: int, start: int, count: int, seed: str) -> None:
    studies, series = start // INSTANCES_PER_STUDY, start // PER_SERIES
    values: dict[str, Any] = {
        "seed": seed,
        "project": project_id,
        "families": _FAMILIES,
        "stems": _STEMS,
        "given": _GIVEN,
        "descriptions": _DESCRIPTIONS,
        "modalities": _MODALITIES,
        "patients": studies // STUDIES_PER_PATIENT,
        "new_patients": count // INSTANCES_PER_STUDY // STUDIES_PER_PATIENT,
        "studies": studies,
        "new_studies": count // INSTANCES_PER_STUDY,
        "series": series,
        "new_series": count // PER_SERIES,
        "instances": start,
        "new_instances": count,
    }
    steps = (("patient_ids", _PATIENTS), ("study_ids", _STUDIES), ("", _PROJECTS))
    steps += (("series_ids", _SERIES), ("blob_ids", _BLOBS), ("", _INSTANCES))
    for name, statement in steps:
        cursor.execute(statement, values)
        if name:
            values[name] = [row[0] for row in cursor.fetchall()]
