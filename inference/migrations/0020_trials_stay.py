"""Runs whose results were withheld as a trial's, but which did not say themselves that they were.

They came to light when their version was retired, made a draft again or promoted, and their
studies were found by what they say: those words are made anew.
"""

from django.db import migrations

# As `inference.bundles.trials` has it, for all versions.
KEEP = """
WITH trial AS (
  SELECT DISTINCT study_id FROM archive_series WHERE withheld = 'trial'
), output AS (
  SELECT run.id, series.withheld FROM inference_run run
  JOIN trial ON trial.study_id = run.study_id
  CROSS JOIN LATERAL jsonb_each_text(run.outputs) named
  JOIN archive_instance instance ON instance.sop_instance_uid = named.value
  JOIN archive_series series ON series.id = instance.series_id
  WHERE NOT run.is_shadow AND run.state = 'succeeded' AND series.withheld <> 'deleted'
), kept AS (
  UPDATE inference_run SET is_shadow = true
  WHERE id IN (SELECT id FROM output GROUP BY id HAVING bool_and(withheld = 'trial'))
  RETURNING study_id
)
UPDATE inference_seriestext SET is_stale = true
WHERE NOT is_stale AND study_id IN (SELECT study_id FROM kept);
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0019_words_of_hidden_reports")]

    # Which runs were marked before can't be told afterwards, and the mark says nothing wrong.
    operations = [migrations.RunSQL(KEEP, migrations.RunSQL.noop)]
