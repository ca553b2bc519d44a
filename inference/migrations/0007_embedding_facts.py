import django.contrib.postgres.fields
from django.db import migrations, models

# What a row of vectors copies from the rows it belongs to, for the search alone. Rights:
# project=KEY, standard, unassigned (the kind of one of its projects), the same with
# "deidentified-" in front for a de-identified study. Filters: modality=, body_part=,
# laterality=, sex=. Written by the database itself, so that no way of changing the
# archive can forget it.
COPY = """
CREATE FUNCTION twinsight_facts(of_study bigint, of_series bigint)
RETURNS TABLE (patient_key bigint, facts text[]) LANGUAGE sql STABLE AS $$
  SELECT study.patient_id, ARRAY(
    SELECT DISTINCT fact FROM (
      SELECT manner.prefix || held.name AS fact
      FROM archive_study_projects link
      JOIN archive_project project ON project.id = link.project_id
      CROSS JOIN LATERAL (VALUES ('project=' || project.id), (project.kind)) held (name)
      CROSS JOIN (VALUES (''), ('deidentified-')) manner (prefix)
      WHERE link.study_id = study.id AND (manner.prefix = '' OR study.is_deidentified)
      UNION ALL SELECT 'modality=' || series.modality
      UNION ALL SELECT 'body_part=' || series.body_part_examined
      UNION ALL SELECT 'laterality=' || series.laterality
      UNION ALL SELECT 'sex=' || patient.patient_sex
    ) every ORDER BY fact
  )
  FROM archive_study study
  JOIN archive_patient patient ON patient.id = study.patient_id
  JOIN archive_series series ON series.id = of_series
  WHERE study.id = of_study
$$;

CREATE FUNCTION twinsight_embedding_copies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT copied.patient_key, copied.facts INTO NEW.patient_key, NEW.facts
  FROM twinsight_facts(NEW.study_id, NEW.series_id) copied;
  NEW.patient_key := coalesce(NEW.patient_key, 0);
  NEW.facts := coalesce(NEW.facts, '{}');
  RETURN NEW;
END;
$$;
CREATE TRIGGER embedding_copies BEFORE INSERT OR UPDATE OF study_id, series_id
  ON inference_embedding FOR EACH ROW EXECUTE FUNCTION twinsight_embedding_copies();

CREATE FUNCTION twinsight_refresh_copies(studies bigint[]) RETURNS bigint LANGUAGE sql AS $$
  WITH copied AS (
    SELECT held.series_id, held.study_id, copied.*
    FROM (SELECT DISTINCT series_id, study_id FROM inference_embedding
          WHERE study_id = ANY(studies)) held
    CROSS JOIN LATERAL twinsight_facts(held.study_id, held.series_id) copied
  ), changed AS (
    UPDATE inference_embedding row SET patient_key = copied.patient_key, facts = copied.facts
    FROM copied
    WHERE row.study_id = copied.study_id AND row.series_id = copied.series_id
      AND (row.patient_key, row.facts) IS DISTINCT FROM (copied.patient_key, copied.facts)
    RETURNING 1
  )
  SELECT count(*) FROM changed
$$;

CREATE FUNCTION twinsight_study_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM twinsight_refresh_copies(ARRAY[NEW.id]);
  RETURN NULL;
END;
$$;
CREATE TRIGGER study_copies AFTER UPDATE OF patient_id, is_deidentified ON archive_study
  FOR EACH ROW WHEN ((OLD.patient_id, OLD.is_deidentified)
    IS DISTINCT FROM (NEW.patient_id, NEW.is_deidentified))
  EXECUTE FUNCTION twinsight_study_changed();

CREATE FUNCTION twinsight_study_projects_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM twinsight_refresh_copies(ARRAY[NEW.study_id]);
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM twinsight_refresh_copies(ARRAY[OLD.study_id]);
  ELSE
    PERFORM twinsight_refresh_copies(ARRAY[OLD.study_id, NEW.study_id]);
  END IF;
  RETURN NULL;
END;
$$;
CREATE TRIGGER study_projects_copies AFTER INSERT OR UPDATE OR DELETE ON archive_study_projects
  FOR EACH ROW EXECUTE FUNCTION twinsight_study_projects_changed();

CREATE FUNCTION twinsight_series_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM twinsight_refresh_copies(ARRAY[NEW.study_id]);
  RETURN NULL;
END;
$$;
CREATE TRIGGER series_copies
  AFTER UPDATE OF modality, body_part_examined, laterality ON archive_series
  FOR EACH ROW WHEN ((OLD.modality, OLD.body_part_examined, OLD.laterality)
    IS DISTINCT FROM (NEW.modality, NEW.body_part_examined, NEW.laterality))
  EXECUTE FUNCTION twinsight_series_changed();

CREATE FUNCTION twinsight_patient_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM twinsight_refresh_copies(
    ARRAY(SELECT id FROM archive_study WHERE patient_id = NEW.id));
  RETURN NULL;
END;
$$;
CREATE TRIGGER patient_copies AFTER UPDATE OF patient_sex ON archive_patient
  FOR EACH ROW WHEN (OLD.patient_sex IS DISTINCT FROM NEW.patient_sex)
  EXECUTE FUNCTION twinsight_patient_changed();

CREATE FUNCTION twinsight_project_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM twinsight_refresh_copies(
    ARRAY(SELECT study_id FROM archive_study_projects WHERE project_id = NEW.id));
  RETURN NULL;
END;
$$;
CREATE TRIGGER project_copies AFTER UPDATE OF kind ON archive_project
  FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind)
  EXECUTE FUNCTION twinsight_project_changed();

SELECT twinsight_refresh_copies(ARRAY(SELECT DISTINCT study_id FROM inference_embedding));

-- Vectors stay beside their row up to a page: fetching each from elsewhere doubles a scan.
ALTER TABLE inference_embedding SET (toast_tuple_target = 8160);
"""
DROP = """
ALTER TABLE inference_embedding RESET (toast_tuple_target);
DROP TRIGGER project_copies ON archive_project;
DROP TRIGGER patient_copies ON archive_patient;
DROP TRIGGER series_copies ON archive_series;
DROP TRIGGER study_projects_copies ON archive_study_projects;
DROP TRIGGER study_copies ON archive_study;
DROP TRIGGER embedding_copies ON inference_embedding;
DROP FUNCTION twinsight_project_changed, twinsight_patient_changed, twinsight_series_changed,
  twinsight_study_projects_changed, twinsight_study_changed, twinsight_refresh_copies,
  twinsight_embedding_copies, twinsight_facts;
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0006_series_attributes")]

    operations = [
        migrations.AddField(
            model_name="embedding",
            name="facts",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(),
                db_default=models.Value([]),
                editable=False,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="embedding",
            name="patient_key",
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        migrations.RunSQL(COPY, DROP),
    ]
