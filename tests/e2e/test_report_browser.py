"""A model's result as a report: from the study's page to what programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from inference.models import Finding, FindingVerdict, ResultReview
from inference.runs.finishing import finish_run
from inference.runs.types import FindingValue, RunOutcome
from tests.browsing import MARKS, assert_accessible, take_pictures
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = MARKS


def test_a_report_is_read_and_taken_as_a_resource(
    live_server, context, sign_in, complaints, project: Project, radiologist: User
) -> None:
    (instance,) = store_datasets(
        make_dataset(SeriesDescription="Abdomen 3.0", BodyPartExamined="ABDOMEN"), project=project
    )
    model = ModelVersionFactory(
        name="abdomen-organs", version="2.1", description="Organs of the abdomen, their volumes"
    )
    run = claimed_run(instance.series, model)
    finish_run(
        run,
        RunOutcome(
            device="cpu",
            findings=(
                FindingValue("measurement", "volume", "liver", value=1523.4, unit="cm3"),
                FindingValue("measurement", "volume", "spleen", value=187.2, unit="cm3"),
                FindingValue(
                    "detection", "finding", "lesion", 14.2, "mm", probability=0.87, is_critical=True
                ),
            ),
        ),
    )
    review = ResultReview.objects.create(run=run, decision="edited", reviewer=radiologist)
    liver, spleen, lesion = Finding.objects.filter(run=run).order_by("pk")
    for finding, value in ((liver, 1400.0), (spleen, None), (lesion, None)):
        Finding.objects.filter(pk=finding.pk).update(
            review="accepted" if finding == spleen else "rejected"
        )
        FindingVerdict.objects.create(
            review=review, finding=finding, is_agreed=finding == spleen, value=value
        )
    page = sign_in("radiologist")

    page.goto(f"{live_server.url}/studies/{instance.series.study.study_instance_uid}/")
    page.get_by_role("link", name="Report", exact=True).click()

    expect(page.get_by_role("heading", name="Organs of the abdomen, their volumes")).to_be_visible()
    expect(page.get_by_role("row", name="1 400 mL")).to_contain_text("the model said")
    expect(page.locator("tr.is-taken-back")).to_contain_text("Lesion")
    take_pictures(page, "report")
    assert_accessible(page)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download as FHIR").click()
    assert waiting.value.suggested_filename == f"report-{run.pk}.fhir.json"
    resource = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    assert resource["resourceType"] == "DiagnosticReport"
    # Whoever reads the report goes on reading it.
    expect(page.get_by_role("heading", name="Organs of the abdomen, their volumes")).to_be_visible()
    assert complaints == []
