"""Patients that a merge took away stay as rows, and their IDs find the patient that is left.

A store that names such an ID needs a decision: the statement of 0008 leaves it alone.
"""

import django.db.models.deletion
from django.db import migrations, models

SIGNATURE = """
CREATE OR REPLACE FUNCTION archive_patient_of(said jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    known archive_patient;
    is_known boolean := false;
    key bigint;
BEGIN
    IF said->>'dicom_patient_id' <> '' THEN
"""
INSERT = """
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
CREATE = f"""{SIGNATURE}
        FOR known IN
            SELECT * FROM archive_patient
            WHERE dicom_patient_id = said->>'dicom_patient_id'
              AND issuer_of_patient_id = said->>'issuer_of_patient_id'
              AND merged_into_id IS NULL
            ORDER BY id FOR NO KEY UPDATE
        LOOP
            is_known := true;
            IF key IS NULL AND archive_patient_agrees(known, said) THEN
                IF archive_patient_lacks(known, said) THEN
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
{INSERT}"""
FORMER = f"""{SIGNATURE}
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
{INSERT}"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0016_sharing_notices")]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merged",
                to="archive.patient",
            ),
        ),
        migrations.RemoveConstraint(model_name="patient", name="patient_id_issuer_unique"),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.UniqueConstraint(
                fields=["dicom_patient_id", "issuer_of_patient_id"],
                condition=models.Q(conflict_of__isnull=True, merged_into__isnull=True)
                & ~models.Q(dicom_patient_id=""),
                name="patient_id_issuer_unique",
            ),
        ),
        migrations.RunSQL(CREATE, FORMER),
    ]
