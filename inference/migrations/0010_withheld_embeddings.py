from django.db import migrations

# What is deleted or rejected carries no fact and the key -1: it is in no index that a search
# walks, and in no list that it reads. Written by the database itself, as all copies are.
HIDE = """
CREATE FUNCTION twinsight_is_withheld(of_instance bigint, of_series bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM archive_series
                 WHERE id = of_series AND withheld IN ('deleted', 'rejected'))
      OR EXISTS (SELECT FROM archive_instance WHERE id = of_instance AND withheld <> '')
$$;

CREATE OR REPLACE FUNCTION twinsight_embedding_copies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT copied.patient_key, copied.facts INTO NEW.patient_key, NEW.facts
  FROM twinsight_facts(NEW.study_id, NEW.series_id) copied;
  NEW.patient_key := coalesce(NEW.patient_key, 0);
  NEW.facts := coalesce(NEW.facts, '{}');
  IF twinsight_is_withheld(NEW.instance_id, NEW.series_id) THEN
    NEW.patient_key := -1;
    NEW.facts := '{}';
  END IF;
  RETURN NEW;
END;
$$;

CREATE OR REPLACE FUNCTION twinsight_refresh_copies(studies bigint[]) RETURNS bigint
LANGUAGE sql AS $$
  WITH copied AS (
    SELECT held.series_id, held.study_id, copied.*,
      series.withheld IN ('deleted', 'rejected') AS is_withheld
    FROM (SELECT DISTINCT series_id, study_id FROM inference_embedding
          WHERE study_id = ANY(studies)) held
    JOIN archive_series series ON series.id = held.series_id
    CROSS JOIN LATERAL twinsight_facts(held.study_id, held.series_id) copied
  ), wanted AS (
    SELECT row.id,
      CASE WHEN hidden.is_withheld THEN -1 ELSE copied.patient_key END AS patient_key,
      CASE WHEN hidden.is_withheld THEN '{}' ELSE copied.facts END AS facts
    FROM inference_embedding row
    JOIN copied ON copied.study_id = row.study_id AND copied.series_id = row.series_id
    LEFT JOIN archive_instance instance ON instance.id = row.instance_id
    CROSS JOIN LATERAL (
      SELECT copied.is_withheld OR coalesce(instance.withheld, '') <> '' AS is_withheld
    ) hidden
    WHERE row.study_id = ANY(studies)
  ), changed AS (
    UPDATE inference_embedding row SET patient_key = wanted.patient_key, facts = wanted.facts
    FROM wanted
    WHERE row.id = wanted.id
      AND (row.patient_key, row.facts) IS DISTINCT FROM (wanted.patient_key, wanted.facts)
    RETURNING 1
  )
  SELECT count(*) FROM changed
$$;

DROP TRIGGER series_copies ON archive_series;
CREATE TRIGGER series_copies
  AFTER UPDATE OF modality, body_part_examined, laterality, withheld ON archive_series
  FOR EACH ROW WHEN ((OLD.modality, OLD.body_part_examined, OLD.laterality, OLD.withheld)
    IS DISTINCT FROM (NEW.modality, NEW.body_part_examined, NEW.laterality, NEW.withheld))
  EXECUTE FUNCTION twinsight_series_changed();

-- Once a statement, however many instances it withholds.
CREATE FUNCTION twinsight_instances_withheld() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM twinsight_refresh_copies(ARRAY(
    SELECT DISTINCT series.study_id
    FROM new_rows JOIN old_rows ON old_rows.id = new_rows.id
    JOIN archive_series series ON series.id = new_rows.series_id
    WHERE old_rows.withheld <> new_rows.withheld));
  RETURN NULL;
END;
$$;
CREATE TRIGGER instance_copies AFTER UPDATE ON archive_instance
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION twinsight_instances_withheld();
"""
SHOW = """
DROP TRIGGER instance_copies ON archive_instance;
DROP FUNCTION twinsight_instances_withheld;
DROP TRIGGER series_copies ON archive_series;
CREATE TRIGGER series_copies
  AFTER UPDATE OF modality, body_part_examined, laterality ON archive_series
  FOR EACH ROW WHEN ((OLD.modality, OLD.body_part_examined, OLD.laterality)
    IS DISTINCT FROM (NEW.modality, NEW.body_part_examined, NEW.laterality))
  EXECUTE FUNCTION twinsight_series_changed();
CREATE OR REPLACE FUNCTION twinsight_is_withheld(of_instance bigint, of_series bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0007_removal_scope"), ("inference", "0009_workitems")]

    operations = [migrations.RunSQL(HIDE, SHOW)]
