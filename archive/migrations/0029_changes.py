"""When studies and patients changed last, in an order that can be asked for.

What is there is filled in by one statement each; the studies themselves are left as they are. The
triggers come first: what changes meanwhile is not lost.
"""

import django.db.models.deletion
from django.db import migrations, models

CREATE = """
ALTER TABLE archive_studychange ADD CONSTRAINT studychange_study_fk
FOREIGN KEY (study_id) REFERENCES archive_study (id) ON DELETE CASCADE;

CREATE FUNCTION archive_note_study_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO archive_studychange (study_id, changed_at)
    VALUES (NEW.id, date_trunc('minute', NEW.updated_at, 'UTC'))
    ON CONFLICT (study_id) DO UPDATE SET changed_at = EXCLUDED.changed_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER study_note_insert AFTER INSERT ON archive_study
FOR EACH ROW EXECUTE FUNCTION archive_note_study_change();

CREATE TRIGGER study_note_change AFTER UPDATE OF updated_at ON archive_study
FOR EACH ROW WHEN (
    date_trunc('minute', NEW.updated_at, 'UTC')
    IS DISTINCT FROM date_trunc('minute', OLD.updated_at, 'UTC')
) EXECUTE FUNCTION archive_note_study_change();

-- Django writes whole rows: what it read before a correction is older than the correction.
CREATE FUNCTION archive_keep_corrected_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.corrected_at := GREATEST(NEW.corrected_at, OLD.corrected_at);
    RETURN NEW;
END
$$;

CREATE TRIGGER patient_keep_corrected_at BEFORE UPDATE OF corrected_at ON archive_patient
FOR EACH ROW EXECUTE FUNCTION archive_keep_corrected_at();

CREATE FUNCTION archive_note_patient_correction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE archive_patient SET corrected_at = GREATEST(NEW.made_at, NEW.undone_at)
    WHERE id = NEW.patient_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER correction_note_patient
AFTER INSERT OR UPDATE OF patient_id, made_at, undone_at ON archive_correction
FOR EACH ROW WHEN (NEW.patient_id IS NOT NULL)
EXECUTE FUNCTION archive_note_patient_correction();
"""
DROP = """
DROP TRIGGER correction_note_patient ON archive_correction;
DROP FUNCTION archive_note_patient_correction();
DROP TRIGGER patient_keep_corrected_at ON archive_patient;
DROP FUNCTION archive_keep_corrected_at();
DROP TRIGGER study_note_change ON archive_study;
DROP TRIGGER study_note_insert ON archive_study;
DROP FUNCTION archive_note_study_change();
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0028_accounts_and_messages")]

    operations = [
        migrations.CreateModel(
            name="StudyChange",
            fields=[
                (
                    "study",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="change",
                        serialize=False,
                        to="archive.study",
                    ),
                ),
                ("changed_at", models.DateTimeField(help_text="To the minute.")),
            ],
        ),
        migrations.AddField(
            model_name="patient",
            name="corrected_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
