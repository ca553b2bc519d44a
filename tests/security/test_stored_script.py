"""Script in every tag and every field that people fill: no page runs it (T14)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.urls import Resolver404, resolve

from archive.models import Collection, Patient, Project, SavedFilter, Study
from tests.browsing import ARGUMENTS, CHROMIUM, MARKS
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = MARKS

STUDY = "1.2.826.0.1.9.41"
SCRIPT = '"><img src=x onerror=BADINPUT()><script>BADINPUT()</script>'
SHORT = "<svg onload=BADINPUT()>"
QUOTED = "'-BADINPUT()-'"
TEXTS = {
    "PatientName": f"{SHORT}^{QUOTED}",
    "PatientID": SHORT,
    "IssuerOfPatientID": QUOTED,
    "StudyDescription": SCRIPT,
    "SeriesDescription": SCRIPT,
    "ProtocolName": SCRIPT,
    "InstitutionName": SCRIPT,
    "InstitutionalDepartmentName": SCRIPT,
    "StationName": "<b id=x>",
    "Manufacturer": SCRIPT,
    "ManufacturerModelName": SCRIPT,
    "ReferringPhysicianName": f"{SHORT}^{QUOTED}",
    "AccessionNumber": "<i onx=1>",
    "StudyID": "<u onx=1>",
    "ImageComments": SCRIPT,
    "PatientComments": SCRIPT,
    "AdditionalPatientHistory": SCRIPT,
    "BodyPartExamined": "<B>X",
    "RequestedProcedureDescription": SCRIPT,
}
# Their addresses do something, or lead out; the viewer has a bundle of its own.
LEFT_OUT = re.compile(r"logout|/viewer/|\.zip|\.csv|\.gz|/export|/download/|openapi|\.json$")
MOST_PAGES = 90


@pytest.fixture
def browser(monkeypatch):
    from playwright.sync_api import sync_playwright

    # Playwright's loop runs in the test's own thread, where rows are made too.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()
        connections.close_all()


def _world(project: Project, user) -> None:
    Project.objects.filter(pk=project.pk).update(name=SCRIPT[:60])
    store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=f"{STUDY}.{series}",
                SOPInstanceUID=f"{STUDY}.{series}.1",
                **TEXTS,
            )
            for series in (1, 2)
        ),
        project=project,
    )
    collection = Collection.objects.create(owner=user, name=SCRIPT, project=project)
    collection.items.create(study=Study.objects.get(), position=1, title=SCRIPT[:60], note=SCRIPT)
    SavedFilter.objects.create(user=user, name=SCRIPT[:50], query={"q": SHORT})
    user.first_name, user.last_name = SHORT, QUOTED
    user.save()


def _pattern(address: str) -> str:
    """Return which view answers, so that each is looked at once."""
    try:
        return str(resolve(urlsplit(address).path).route)
    except Resolver404:
        return ""


def test_t14_stored_xss(live_server, archive_admin, project, browser) -> None:
    _world(project, archive_admin)
    context = browser.new_context()
    context.add_init_script("window.flag = 0; window.BADINPUT = () => { window.flag = 1; };")
    page = context.new_page()
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("User name").fill("archive_admin")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/studies/")
    waiting = [
        f"{live_server.url}{path}"
        for path in (
            f"/studies/{STUDY}/",
            f"/studies/{STUDY}/tags/?instance={STUDY}.1.1",
            f"/studies/{STUDY}/history/",
            f"/studies/{STUDY}/sharing/",
            f"/similar/?study={STUDY}",
            f"/studies/?q={SHORT}",
            "/quarantine/",
            "/manage/users/",
            "/design/",
        )
    ]
    seen: set[str] = set()
    shown = 0
    while waiting and len(seen) < MOST_PAGES:
        address = waiting.pop(0)
        pattern = _pattern(address)
        if not pattern or pattern in seen or LEFT_OUT.search(address):
            continue
        seen.add(pattern)
        answer = page.goto(address, wait_until="load")
        assert answer is not None
        assert answer.status < 500, address
        headers = answer.headers
        assert "script-src 'self'" in headers.get("content-security-policy", ""), address
        assert headers.get("x-content-type-options") == "nosniff", address
        assert page.evaluate("window.flag") == 0, address
        assert page.locator("[onerror], [onload], [onclick]").count() == 0, address
        shown += "BADINPUT" in page.content()
        links = page.eval_on_selector_all("a[href]", "all => all.map((one) => one.href)")
        waiting += [one for one in links if one.startswith(live_server.url)]
    context.close()
    assert len(seen) > 25, seen
    assert shown > 8, "pages that show what was planted"
    assert Patient.objects.filter(dicom_patient_id=SHORT).exists()
