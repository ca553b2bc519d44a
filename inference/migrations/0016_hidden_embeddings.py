from django.db import migrations

# Series on trial and corrected ones are in no default answer, as little as deleted ones: they
# carry no fact and the key -1 as well.
_FUNCTIONS = """
CREATE OR REPLACE FUNCTION twinsight_is_withheld(of_instance bigint, of_series bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM archive_series WHERE id = of_series AND {is_withheld})
      OR EXISTS (SELECT FROM archive_instance WHERE id = of_instance AND withheld <> '')
$$;

CREATE OR REPLACE FUNCTION twinsight_refresh_copies(studies bigint[]) RETURNS bigint
LANGUAGE sql AS $$
  WITH copied AS (
    SELECT held.series_id, held.study_id, copied.*, series.{is_withheld} AS is_withheld
    FROM (SELECT DISTINCT series_id, study_id FROM inference_embedding
          WHERE study_id = ANY(studies)) held
    JOIN archive_series series ON series.id = held.series_id
    CROSS JOIN LATERAL twinsight_facts(held.study_id, held.series_id) copied
  ), wanted AS (
    SELECT row.id,
      CASE WHEN hidden.is_withheld THEN -1 ELSE copied.patient_key END AS patient_key,
      CASE WHEN hidden.is_withheld THEN '{{}}' ELSE copied.facts END AS facts
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

SELECT twinsight_refresh_copies(ARRAY(
  SELECT DISTINCT study_id FROM archive_series WHERE withheld IN ('trial', 'superseded')));
"""
HIDE = _FUNCTIONS.format(is_withheld="withheld <> ''")
SHOW = _FUNCTIONS.format(is_withheld="withheld IN ('deleted', 'rejected')")


class Migration(migrations.Migration):
    dependencies = [("inference", "0015_run_changed_index")]

    operations = [migrations.RunSQL(HIDE, SHOW)]
