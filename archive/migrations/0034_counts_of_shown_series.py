"""Studies with series that default answers leave out are counted without them.

There is no way back, and none is needed: the next change of such a study would count it anew.
"""

from django.db import migrations

COUNT = """
WITH hidden AS (
    SELECT DISTINCT study_id FROM archive_series
    WHERE withheld <> '' AND number_of_series_related_instances > 0
), counted AS (
    SELECT hidden.study_id, count(shown.id) AS series,
        coalesce(sum(shown.number_of_series_related_instances), 0) AS instances,
        coalesce(array_agg(DISTINCT shown.modality COLLATE "C")
                 FILTER (WHERE shown.modality <> ''), '{}') AS modalities,
        coalesce(array_agg(DISTINCT shown.body_part_examined COLLATE "C")
                 FILTER (WHERE shown.body_part_examined <> ''), '{}') AS parts
    FROM hidden LEFT JOIN archive_series shown ON shown.study_id = hidden.study_id
        AND shown.withheld = '' AND shown.number_of_series_related_instances > 0
    GROUP BY hidden.study_id
)
UPDATE archive_study study SET
    number_of_study_related_series = counted.series,
    number_of_study_related_instances = counted.instances,
    modalities_in_study = counted.modalities,
    body_parts = counted.parts,
    updated_at = statement_timestamp()
FROM counted WHERE study.id = counted.study_id
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0033_store_beside_withheld")]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
