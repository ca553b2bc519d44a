"""What changed before there were triggers: apart from the tables, and without holding them."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from archive.migrations._concurrently import AddIndexAnew

# Some at a time: a study that changes meanwhile waits for the ones beside it, not for all.
STUDIES = """
DO $$
DECLARE
    first bigint := (SELECT min(id) FROM archive_study);
    last bigint := (SELECT max(id) FROM archive_study);
BEGIN
    WHILE first <= last LOOP
        INSERT INTO archive_studychange (study_id, changed_at)
        SELECT id, date_trunc('minute', updated_at, 'UTC') FROM archive_study
        WHERE id BETWEEN first AND first + 1999
        ON CONFLICT (study_id) DO NOTHING;
        COMMIT;
        first := first + 2000;
    END LOOP;
END
$$;
"""
PATIENTS = """
UPDATE archive_patient SET corrected_at = said.moment
FROM (
    SELECT patient_id, GREATEST(max(made_at), max(undone_at)) AS moment
    FROM archive_correction WHERE patient_id IS NOT NULL GROUP BY patient_id
) said WHERE said.patient_id = archive_patient.id;
"""


class Migration(migrations.Migration):
    # The tables are large: nobody waits while they are read and the indexes are built.
    atomic = False

    dependencies = [("archive", "0029_changes")]

    operations = [
        migrations.RunSQL(STUDIES, migrations.RunSQL.noop),
        migrations.RunSQL(PATIENTS, migrations.RunSQL.noop),
        AddIndexAnew(
            model_name="studychange",
            index=models.Index(fields=["changed_at", "study"], name="study_change_idx"),
        ),
        AddIndexAnew(
            model_name="patient",
            index=models.Index(
                Coalesce("corrected_at", "created_at"), models.F("id"), name="patient_changed_idx"
            ),
        ),
        AddIndexAnew(
            model_name="patient",
            index=models.Index(fields=["patient_birth_date", "id"], name="patient_birth_date_idx"),
        ),
    ]
