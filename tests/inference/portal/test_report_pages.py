from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.models import AuditEvent
from inference.models import Finding, FindingVerdict, ResultReview
from tests.factories.archive import SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory, RunFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db


def test_a_result_is_a_page_to_read_with_its_resource_a_download_away(
    client: Client, project, radiologist: User, outsider: User
) -> None:
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    run = RunFactory(
        model_version=ModelVersionFactory(description="Measures <livers>"),
        series=series,
        state="succeeded",
        finished_at=timezone.now(),
        not_before=timezone.now(),
    )
    finding = Finding.objects.create(
        run=run, series=series, kind="measurement", name="volume", label="liver", value=1523.4,
        unit="cm3", review="rejected", is_critical=True,
    )  # fmt: skip
    review = ResultReview.objects.create(run=run, decision="edited", reviewer=radiologist)
    FindingVerdict.objects.create(review=review, finding=finding, is_agreed=False, value=1400)
    address = f"/runs/{run.pk}/report/"
    study = series.study.study_instance_uid
    client.force_login(radiologist)

    page = client.get(address).content.decode()

    assert "Measures &lt;livers&gt;" in page
    assert "1\N{NARROW NO-BREAK SPACE}400" in page
    assert "the model said Liver 1\N{NARROW NO-BREAK SPACE}523 mL" in page
    assert "Corrected" in page
    assert "Critical" in page
    assert f"/fhir/R4/DiagnosticReport/{run.pk}?_pretty=true" in page
    # A file for other programs, and never a page of JSON in the place of the report.
    assert f'download="report-{run.pk}.fhir.json"' in page
    assert "Download as FHIR" in page
    assert AuditEvent.objects.filter(act="report", study_instance_uid=study).count() == 1
    assert address in client.get(f"/studies/{study}/panels/findings/").content.decode()
    client.force_login(outsider)
    assert client.get(address).status_code == 404
