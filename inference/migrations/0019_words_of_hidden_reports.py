"""Words from before hidden reports, and labels of what is hidden, ceased to be words."""

from django.db import migrations

# They are made anew by the next refresh.
MARK = """
UPDATE inference_seriestext SET is_stale = true
WHERE NOT is_stale AND study_id IN (
  SELECT study_id FROM archive_series WHERE modality = 'SR' AND withheld <> ''
  UNION
  SELECT label.study_id FROM inference_label label
  LEFT JOIN archive_instance instance ON instance.id = label.instance_id
  JOIN archive_series series ON series.id = coalesce(label.series_id, instance.series_id)
  WHERE series.withheld IN ('deleted', 'trial') OR instance.withheld = 'deleted'
);
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0018_means_of_what_is_shown")]

    # Words made anew are right for the former version, too.
    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
