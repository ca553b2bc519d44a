"""Heat maps from before they went with the answer that they explain, or with their trial."""

from django.db import migrations

# As `inference.runs.explanations.is_explanation_void` has it. Rejected results took theirs along.
HIDE = """
WITH judged AS (
  SELECT instance.series_id,
    run.is_shadow OR version.state = 'shadow' AS is_on_trial,
    (SELECT decision FROM inference_resultreview review
     WHERE review.run_id = run.id ORDER BY review.id DESC LIMIT 1) AS decision,
    coalesce(
      (SELECT finding.review = 'rejected' FROM inference_finding finding
       WHERE finding.run_id = run.id AND finding.kind = 'classification'
       ORDER BY finding.id DESC LIMIT 1),
      (SELECT bool_and(finding.review = 'rejected') FROM inference_finding finding
       WHERE finding.run_id = run.id AND finding.kind = 'detection'),
      false) AS is_void
  FROM inference_run run
  JOIN inference_modelversion version ON version.id = run.model_version_id
  JOIN archive_instance instance ON instance.sop_instance_uid = run.outputs ->> 'heatmap'
  WHERE run.state = 'succeeded' AND run.outputs ? 'heatmap'
)
UPDATE archive_series series
SET withheld = CASE WHEN judged.is_on_trial THEN 'trial' ELSE 'superseded' END
FROM judged
WHERE series.id = judged.series_id AND series.withheld = ''
  AND (judged.is_on_trial OR (judged.decision = 'edited' AND judged.is_void));
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0016_hidden_embeddings")]

    # A review made anew shows a heat map again: nothing is lost that going back would have to find.
    operations = [migrations.RunSQL(HIDE, migrations.RunSQL.noop)]
