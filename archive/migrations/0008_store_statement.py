"""One statement that stores the instances of a batch: rows, counts, audit and outbox together.

It writes what `archive.ingest.recording` writes, under the same locks in the same order, where
nothing speaks against it. Whatever needs a decision (known instances, another patient, rights
that are missing, values to be filled in, deleted objects) it leaves alone and says so, before it
has written anything of that study; that module decides then. Adding a column to one of the tables
without a default in the database means adding it here.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION archive_patient_agrees(known archive_patient, said jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (known.patient_name_search = '' OR said->>'patient_name_search' = ''
            OR known.patient_name_search = said->>'patient_name_search')
       AND (known.patient_birth_date IS NULL OR said->>'patient_birth_date' IS NULL
            OR known.patient_birth_date = (said->>'patient_birth_date')::date)
       AND (known.patient_sex = '' OR said->>'patient_sex' = ''
            OR known.patient_sex = said->>'patient_sex')
$$;

CREATE FUNCTION archive_patient_lacks(known archive_patient, said jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (known.patient_name_search = '' AND said->>'patient_name_search' <> '')
        OR (known.patient_birth_date IS NULL AND said->>'patient_birth_date' IS NOT NULL)
        OR (known.patient_sex = '' AND said->>'patient_sex' <> '')
$$;

CREATE FUNCTION archive_may_store(of_study bigint, rights jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF rights = 'null' THEN
        RETURN true;
    END IF;
    RETURN EXISTS (
        SELECT FROM archive_study_projects link JOIN archive_project p ON p.id = link.project_id
        WHERE link.study_id = of_study AND (
            (rights->>'everywhere')::boolean
            OR (p.kind = 'standard' AND ((rights->>'standard')::boolean
                                         OR rights->'projects' @> to_jsonb(p.id)))
            OR (p.kind = 'unassigned' AND (rights->>'unassigned')::boolean)
        )
    );
END
$$;

-- The key of the patient that a new study names; NULL where a decision is needed.
CREATE FUNCTION archive_patient_of(said jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    known archive_patient;
    is_known boolean := false;
    key bigint;
BEGIN
    IF said->>'dicom_patient_id' <> '' THEN
        FOR known IN
            SELECT * FROM archive_patient
            WHERE dicom_patient_id = said->>'dicom_patient_id'
              AND issuer_of_patient_id = said->>'issuer_of_patient_id'
            ORDER BY id FOR NO KEY UPDATE
        LOOP
            is_known := true;
            IF archive_patient_agrees(known, said) THEN
                RETURN CASE WHEN archive_patient_lacks(known, said) THEN NULL ELSE known.id END;
            END IF;
        END LOOP;
        IF is_known THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO archive_patient (
        dicom_patient_id, issuer_of_patient_id, patient_name, patient_name_search,
        patient_birth_date, patient_sex, created_at
    ) VALUES (
        said->>'dicom_patient_id', said->>'issuer_of_patient_id', said->>'patient_name',
        said->>'patient_name_search', (said->>'patient_birth_date')::date, said->>'patient_sex',
        statement_timestamp()
    ) RETURNING id INTO key;
    RETURN key;
END
$$;

-- Blobs and instances of one series; returns the instances' keys.
CREATE FUNCTION archive_store_instances(of_series bigint, said jsonb) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    keys bigint[];
BEGIN
    WITH one AS (
        SELECT * FROM jsonb_to_recordset(said) AS x (
            position integer, sha256 text, size_bytes bigint, sop_instance_uid text,
            sop_class_uid text, transfer_syntax_uid text, instance_number bigint, rows integer,
            columns integer, bits_allocated smallint, samples_per_pixel smallint,
            number_of_frames integer, photometric_interpretation text, has_pixel_data boolean,
            image_position_patient float8[], image_orientation_patient float8[],
            content_date date, content_time time, specific_character_set text,
            cleaned_keywords varchar(64)[], dataset_sha256 text, coerced jsonb
        )
    ), blob AS (
        -- On a conflict the row is of the same bytes, which are surely there again now.
        INSERT INTO archive_blob (sha256, size_bytes, state, created_at)
        SELECT sha256, size_bytes, 'stored', statement_timestamp() FROM one ORDER BY position
        ON CONFLICT (sha256) DO UPDATE SET state = 'stored'
        RETURNING id, sha256
    ), instance AS (
        INSERT INTO archive_instance (
            series_id, blob_id, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
            instance_number, rows, columns, bits_allocated, samples_per_pixel, number_of_frames,
            photometric_interpretation, has_pixel_data, image_position_patient,
            image_orientation_patient, content_date, content_time, specific_character_set,
            cleaned_keywords, dataset_sha256, coerced, withheld, created_at
        )
        SELECT of_series, blob.id, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
            instance_number, rows, columns, bits_allocated, samples_per_pixel, number_of_frames,
            photometric_interpretation, has_pixel_data, image_position_patient,
            image_orientation_patient, content_date, content_time, specific_character_set,
            cleaned_keywords, dataset_sha256, coerced, '', statement_timestamp()
        FROM one JOIN blob USING (sha256) ORDER BY position
        RETURNING id
    )
    SELECT array_agg(id ORDER BY id) INTO keys FROM instance;
    RETURN keys;
END
$$;

-- The locked row of a study that may take the instances; NULL in its key where a decision is
-- needed. `said` has the study's columns and patient, project, rights, series.
CREATE FUNCTION archive_study_for(said jsonb) RETURNS archive_study LANGUAGE plpgsql AS $$
DECLARE
    study archive_study;
    patient bigint;
    project bigint;
    nothing archive_study;
BEGIN
    SELECT * INTO study FROM archive_study
    WHERE study_instance_uid = said->>'study_instance_uid' FOR NO KEY UPDATE;
    -- Under the study's lock nobody else adds to it: what is known now stays all there is.
    IF EXISTS (SELECT FROM archive_instance WHERE sop_instance_uid IN
               (SELECT jsonb_array_elements_text(said->'uids')))
       OR EXISTS (SELECT FROM archive_tombstone WHERE sop_instance_uid IN
                  (SELECT jsonb_array_elements_text(said->'uids')))
       OR EXISTS (SELECT FROM archive_series WHERE series_instance_uid IN
                  (SELECT x->>'series_instance_uid' FROM jsonb_array_elements(said->'series') x)
                  AND (study_id IS DISTINCT FROM study.id OR withheld = 'deleted'
                       OR (withheld <> '' AND number_of_series_related_instances = 0)))
    THEN
        RETURN nothing;
    END IF;
    IF study.id IS NOT NULL THEN
        IF study.withheld = '' AND archive_may_store(study.id, said->'rights') AND EXISTS (
            SELECT FROM archive_patient p WHERE p.id = study.patient_id
            AND p.dicom_patient_id = said->'patient'->>'dicom_patient_id'
            AND p.issuer_of_patient_id = said->'patient'->>'issuer_of_patient_id'
            AND archive_patient_agrees(p, said->'patient')
        ) THEN
            RETURN study;
        END IF;
        RETURN nothing;
    END IF;
    project := coalesce((said->>'project')::bigint,
                        (SELECT id FROM archive_project WHERE kind = 'unassigned'));
    IF project IS NULL THEN
        RETURN nothing;
    END IF;
    patient := archive_patient_of(said->'patient');
    IF patient IS NULL THEN
        RETURN nothing;
    END IF;
    INSERT INTO archive_study (
        patient_id, study_instance_uid, study_date, study_time, accession_number, dicom_study_id,
        study_description, referring_physician_name, referring_physician_name_search, patient_age,
        timezone_offset_from_utc, specific_character_set, modalities_in_study, body_parts,
        number_of_study_related_series, number_of_study_related_instances, stored_bytes,
        is_deidentified, withheld, created_at, updated_at
    ) VALUES (
        patient, said->>'study_instance_uid', (said->>'study_date')::date,
        (said->>'study_time')::time, said->>'accession_number', said->>'dicom_study_id',
        said->>'study_description', said->>'referring_physician_name',
        said->>'referring_physician_name_search', said->>'patient_age',
        said->>'timezone_offset_from_utc', said->>'specific_character_set', '{}', '{}', 0, 0, 0,
        (said->>'is_deidentified')::boolean, '', statement_timestamp(), statement_timestamp()
    ) ON CONFLICT (study_instance_uid) DO NOTHING RETURNING * INTO study;
    IF study.id IS NULL THEN
        RAISE EXCEPTION 'the study was made by another store' USING ERRCODE = '40001';
    END IF;
    INSERT INTO archive_study_projects (study_id, project_id)
    VALUES (study.id, project);
    RETURN study;
END
$$;

-- The locked row of a series, made where missing.
CREATE FUNCTION archive_series_for(of_study bigint, said jsonb) RETURNS archive_series
LANGUAGE plpgsql AS $$
DECLARE
    series archive_series;
BEGIN
    SELECT * INTO series FROM archive_series
    WHERE series_instance_uid = said->>'series_instance_uid' FOR NO KEY UPDATE;
    IF series.id IS NULL THEN
        INSERT INTO archive_series (
            study_id, series_instance_uid, modality, series_number, series_description,
            body_part_examined, laterality, protocol_name, series_date, series_time, manufacturer,
            manufacturer_model_name, station_name, institution_name, frame_of_reference_uid,
            performed_procedure_step_start_date, performed_procedure_step_start_time,
            request_attributes, number_of_series_related_instances, withheld, created_at,
            updated_at
        ) VALUES (
            of_study, said->>'series_instance_uid', said->>'modality',
            (said->>'series_number')::bigint, said->>'series_description',
            said->>'body_part_examined', said->>'laterality', said->>'protocol_name',
            (said->>'series_date')::date, (said->>'series_time')::time, said->>'manufacturer',
            said->>'manufacturer_model_name', said->>'station_name', said->>'institution_name',
            said->>'frame_of_reference_uid',
            (said->>'performed_procedure_step_start_date')::date,
            (said->>'performed_procedure_step_start_time')::time,
            said->'request_attributes', 0, '', statement_timestamp(), statement_timestamp()
        ) ON CONFLICT (series_instance_uid) DO NOTHING RETURNING * INTO series;
    END IF;
    IF series.id IS NULL OR series.study_id <> of_study THEN
        RAISE EXCEPTION 'the series was made by another store' USING ERRCODE = '40001';
    END IF;
    RETURN series;
END
$$;

CREATE FUNCTION archive_with_value(known varchar[], said text) RETURNS varchar[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF said = '' OR said = ANY (known) THEN
        RETURN known;
    END IF;
    RETURN ARRAY(SELECT x FROM unnest(known || said::varchar) x ORDER BY x COLLATE "C");
END
$$;

-- Stores a list of studies in their order; returns for each whether it was stored.
CREATE FUNCTION archive_store(said jsonb) RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
    one jsonb;
    one_series jsonb;
    study archive_study;
    series archive_series;
    keys bigint[];
    stored boolean[] := '{}';
    instance_ids bigint[] := '{}';
    series_ids bigint[] := '{}';
    study_ids bigint[] := '{}';
BEGIN
    FOR one IN SELECT * FROM jsonb_array_elements(said->'studies') LOOP
        study := archive_study_for(one);
        stored := stored || (study.id IS NOT NULL);
        IF study.id IS NULL THEN
            CONTINUE;
        END IF;
        FOR one_series IN SELECT * FROM jsonb_array_elements(one->'series') LOOP
            series := archive_series_for(study.id, one_series);
            keys := archive_store_instances(series.id, one_series->'instances');
            UPDATE archive_series SET
                number_of_series_related_instances =
                    number_of_series_related_instances + cardinality(keys),
                updated_at = statement_timestamp()
            WHERE id = series.id;
            instance_ids := instance_ids || keys;
            series_ids := series_ids || series.id;
            IF series.number_of_series_related_instances = 0 THEN
                study.number_of_study_related_series := study.number_of_study_related_series + 1;
            END IF;
            study.number_of_study_related_instances :=
                study.number_of_study_related_instances + cardinality(keys);
            study.modalities_in_study :=
                archive_with_value(study.modalities_in_study, series.modality);
            study.body_parts := archive_with_value(study.body_parts, series.body_part_examined);
        END LOOP;
        UPDATE archive_study SET
            number_of_study_related_series = study.number_of_study_related_series,
            number_of_study_related_instances = study.number_of_study_related_instances,
            modalities_in_study = study.modalities_in_study,
            body_parts = study.body_parts,
            stored_bytes = study.stored_bytes + (one->>'size_bytes')::bigint,
            is_deidentified = study.is_deidentified AND (one->>'is_deidentified')::boolean,
            updated_at = statement_timestamp()
        WHERE id = study.id;
        study_ids := study_ids || study.id;
        INSERT INTO archive_auditevent (
            recorded_at, event_id, act, action, outcome, actor_id, actor_name, token_hint, door,
            address, study_instance_uid, details
        ) SELECT statement_timestamp(), event_id, act, action, outcome, actor_id, actor_name,
                 token_hint, door, address, study_instance_uid, details
          FROM jsonb_populate_record(NULL::archive_auditevent, one->'audit');
    END LOOP;
    IF cardinality(study_ids) > 0 THEN
        INSERT INTO archive_outboxevent (kind, payload, created_at, attempts, last_error)
        VALUES (said->>'event', jsonb_build_object('instance_ids', to_jsonb(instance_ids),
                'series_ids', to_jsonb(series_ids), 'study_ids', to_jsonb(study_ids)),
                statement_timestamp(), 0, '');
    END IF;
    RETURN stored;
END
$$;
"""
DROP = """
DROP FUNCTION archive_store(jsonb);
DROP FUNCTION archive_with_value(varchar[], text);
DROP FUNCTION archive_series_for(bigint, jsonb);
DROP FUNCTION archive_study_for(jsonb);
DROP FUNCTION archive_store_instances(bigint, jsonb);
DROP FUNCTION archive_patient_of(jsonb);
DROP FUNCTION archive_may_store(bigint, jsonb);
DROP FUNCTION archive_patient_lacks(archive_patient, jsonb);
DROP FUNCTION archive_patient_agrees(archive_patient, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0007_removal_scope")]

    operations = [migrations.RunSQL(CREATE, DROP)]
