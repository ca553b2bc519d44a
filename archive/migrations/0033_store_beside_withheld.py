"""What joins a series that is withheld takes a decision: it is not counted with the study."""

from django.db import migrations

# As in 0008, but for which series of the study the statement leaves to the recorder.
_FUNCTION = """
CREATE OR REPLACE FUNCTION archive_study_for(said jsonb) RETURNS archive_study LANGUAGE plpgsql AS $$
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
                  AND (study_id IS DISTINCT FROM study.id OR <hidden>))
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
"""
CREATE = _FUNCTION.replace("<hidden>", "withheld <> ''")
FORMER = _FUNCTION.replace(
    "<hidden>",
    "withheld = 'deleted' OR (withheld <> '' AND number_of_series_related_instances = 0)",
)


class Migration(migrations.Migration):
    dependencies = [("archive", "0032_metadata_of_implicit_vr")]

    operations = [migrations.RunSQL(CREATE, FORMER)]
