"""Indexes for names and descriptions by any part; a PostgreSQL without pg_trgm does without them."""

from django.db import migrations

CREATE = """
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX patient_name_search_trgm_idx
      ON archive_patient USING gin (patient_name_search gin_trgm_ops);
    CREATE INDEX study_description_trgm_idx
      ON archive_study USING gin (upper(study_description) gin_trgm_ops);
    CREATE INDEX study_referring_trgm_idx
      ON archive_study USING gin (referring_physician_name_search gin_trgm_ops);
  END IF;
END
$$;
"""

DROP = """
DROP INDEX IF EXISTS patient_name_search_trgm_idx;
DROP INDEX IF EXISTS study_description_trgm_idx;
DROP INDEX IF EXISTS study_referring_trgm_idx;
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
