from django.db import migrations

# A series that goes to another study takes with it what was found in it, in the same transaction:
# rights hang on the study. Copies of embeddings follow by their own trigger.
CREATE = """
CREATE FUNCTION twinsight_series_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE inference_embedding SET study_id = NEW.study_id WHERE series_id = NEW.id;
  UPDATE inference_run SET study_id = NEW.study_id WHERE series_id = NEW.id;
  UPDATE inference_label SET study_id = NEW.study_id WHERE series_id = NEW.id;
  UPDATE inference_seriestext SET study_id = NEW.study_id WHERE series_id = NEW.id;
  UPDATE inference_searchmatch SET study_id = NEW.study_id WHERE series_id = NEW.id;
  RETURN NULL;
END;
$$;
CREATE TRIGGER series_moved AFTER UPDATE OF study_id ON archive_series
  FOR EACH ROW WHEN (OLD.study_id IS DISTINCT FROM NEW.study_id)
  EXECUTE FUNCTION twinsight_series_moved();
"""
DROP = """
DROP TRIGGER series_moved ON archive_series;
DROP FUNCTION twinsight_series_moved();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0017_merged_patients"),
        ("inference", "0011_workitem_channels"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
