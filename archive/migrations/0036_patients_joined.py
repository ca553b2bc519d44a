"""A Patient ID alone no longer joins a new study to a patient whom its sender doesn't see.

The statement of 0008 joins where it is sure; what else there is to ask, `archive.ingest.joining`
decides.
"""

from importlib import import_module

from django.db import migrations

FORMER_OF_PATIENT = import_module("archive.migrations.0017_merged_patients").CREATE
FORMER_OF_STUDY = import_module("archive.migrations.0033_store_beside_withheld").CREATE
_CALL = "archive_patient_of(said->'patient')"
assert _CALL in FORMER_OF_STUDY

# Of a patient that is locked, and to whom there is nothing to add.
JOINS = """
CREATE FUNCTION archive_patient_joins(known archive_patient, said jsonb, study jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF archive_patient_lacks(known, said) THEN
        RETURN false;
    END IF;
    -- Studies with and without identity stay apart.
    IF EXISTS (SELECT FROM archive_study WHERE patient_id = known.id
               AND is_deidentified <> (study->>'is_deidentified')::boolean)
       OR ((study->>'is_deidentified')::boolean
           AND NOT EXISTS (SELECT FROM archive_study WHERE patient_id = known.id))
    THEN
        RETURN false;
    END IF;
    RETURN (study->>'is_trusted')::boolean
        OR (known.patient_name_search <> ''
            AND known.patient_name_search = said->>'patient_name_search'
            AND known.patient_sex = said->>'patient_sex'
            AND known.patient_birth_date
                IS NOT DISTINCT FROM (said->>'patient_birth_date')::date)
        OR EXISTS (
            SELECT FROM archive_study s WHERE s.patient_id = known.id AND s.withheld <> 'deleted'
            AND CASE WHEN study->'rights' <> 'null' THEN archive_may_store(s.id, study->'rights')
                ELSE EXISTS (
                    SELECT FROM archive_study_projects link
                    JOIN archive_project p ON p.id = link.project_id
                    WHERE link.study_id = s.id
                    AND CASE WHEN study->'project' = 'null' THEN p.kind = 'unassigned'
                        ELSE p.id = (study->>'project')::bigint END
                ) END
        );
END
$$;
"""
# As in 0017, but for whom it joins.
CREATE = """
CREATE FUNCTION archive_patient_of(said jsonb, study jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
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
              AND merged_into_id IS NULL
            ORDER BY id FOR NO KEY UPDATE
        LOOP
            is_known := true;
            IF key IS NULL AND archive_patient_agrees(known, said) THEN
                IF archive_patient_joins(known, said, study) IS NOT TRUE THEN
                    RETURN NULL;
                END IF;
                key := known.id;
            END IF;
        END LOOP;
        -- Behind the locks: a merge that held them is seen now.
        IF EXISTS (SELECT FROM archive_patientalias
                   WHERE dicom_patient_id = said->>'dicom_patient_id'
                     AND issuer_of_patient_id = said->>'issuer_of_patient_id' AND is_active) THEN
            RETURN NULL;
        END IF;
        IF is_known THEN
            RETURN key;
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
"""
OF_STUDY = FORMER_OF_STUDY.replace(_CALL, "archive_patient_of(said->'patient', said)")
DROP_FORMER = "DROP FUNCTION archive_patient_of(jsonb);"
DROP = """
DROP FUNCTION archive_patient_of(jsonb, jsonb);
DROP FUNCTION archive_patient_joins(archive_patient, jsonb, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0035_backups")]

    operations = [
        migrations.RunSQL(
            JOINS + CREATE + OF_STUDY + DROP_FORMER, FORMER_OF_PATIENT + FORMER_OF_STUDY + DROP
        )
    ]
