"""Means of series from before images that were deleted or rejected ceased to count."""

from django.db import migrations

# As `inference.similarity.spaces.writing.refresh_series_embedding` has it.
REFRESH = """
WITH touched AS (
  SELECT DISTINCT instance.series_id FROM archive_instance instance
  JOIN archive_series series ON series.id = instance.series_id
  WHERE instance.withheld <> '' AND series.withheld = ''
), means AS (
  SELECT slice.space_id, slice.series_id, avg(slice.vector) AS mean
  FROM inference_embedding slice
  JOIN touched ON touched.series_id = slice.series_id
  JOIN archive_instance instance ON instance.id = slice.instance_id
  WHERE slice.level = 'instance' AND instance.withheld = ''
  GROUP BY slice.space_id, slice.series_id
)
UPDATE inference_embedding row
SET vector = CASE WHEN space.metric IN ('cosine', 'bhattacharyya')
                  THEN l2_normalize(means.mean) ELSE means.mean END
FROM means JOIN inference_embeddingspace space ON space.id = means.space_id
WHERE row.level = 'series'
  AND row.space_id = means.space_id AND row.series_id = means.series_id
  AND l2_norm(means.mean) > 1e-6;
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0017_hidden_heat_maps")]

    operations = [migrations.RunSQL(REFRESH, migrations.RunSQL.noop)]
