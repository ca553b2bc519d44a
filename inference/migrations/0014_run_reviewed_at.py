"""When a person decided last about a run's result, beside the run: what reports are sorted by."""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION inference_note_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE inference_run SET reviewed_at = GREATEST(reviewed_at, NEW.created_at)
    WHERE id = NEW.run_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER review_note_run AFTER INSERT ON inference_resultreview
FOR EACH ROW EXECUTE FUNCTION inference_note_review();
"""
DROP = """
DROP TRIGGER review_note_run ON inference_resultreview;
DROP FUNCTION inference_note_review();
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0013_run_dead_index")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="reviewed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
