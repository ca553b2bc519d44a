"""Uploads, the quarantine and watched folders as people meet them, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from archive.ingest.types import Origin
from archive.models import Instance, Quarantine, UploadFile, WatchedFolder
from tests.browsing import MARKS, assert_accessible, take_pictures
from tests.builders import foreign_files
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = MARKS
BIG = 20 * 1024 * 1024


@pytest.fixture
def inbox(settings, tmp_path, monkeypatch) -> None:
    # No worker runs here: what pages begin with is all there is.
    monkeypatch.setattr("archive.inbox.preview._BRIEFLY_S", 120)
    settings.TWINSIGHT_INBOX_DIR = tmp_path / "inbox"
    settings.TWINSIGHT_WATCH_ROOTS = [str(tmp_path)]
    (tmp_path / "scanner").mkdir()


@pytest.fixture
def page(
    inbox, live_server, archive_admin, project, context, sign_in, complaints
) -> Iterator[Page]:
    context.set_default_timeout(60_000)
    yield sign_in("archive_admin")
    assert complaints == []


def _look(page: Page, name: str) -> None:
    take_pictures(page, f"inbox-{name}")
    assert_accessible(page)


def _file(name: str, content: bytes, kind: str = "application/dicom") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": content}


def test_a_look_before_storing_and_pictures_among_the_files(
    live_server, page, project, complaints
) -> None:
    known = make_dataset(PatientID="P1", PatientName="Inbox^Ada")
    store_datasets(known, project=project)
    other = make_dataset(
        PatientID="P2", PatientName="Else^Bert", StudyInstanceUID=known.StudyInstanceUID
    )
    fresh = [
        make_dataset(PatientID="P3", PatientName="Inbox^Carla", StudyInstanceUID="1.2.3.77",
                     StudyDescription="Thorax native", InstanceNumber=number)
        for number in range(3)
    ]  # fmt: skip
    page.goto(f"{live_server.url}/upload/")
    _look(page, "start")
    page.get_by_label("Show me what it comes to").check()
    page.get_by_label("Into project").select_option(label="Chest clinic")
    files = [_file(f"{n}.dcm", as_part10(ds)) for n, ds in enumerate([known, other, *fresh])]
    files += [_file("wound.png", foreign_files.picture(), "image/png"), _file("a.txt", b"no " * 99)]
    page.locator("#pick-files").set_input_files(files)

    page.wait_for_url(re.compile(r"/upload/\d+/$"))
    expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
    expect(page.locator(".table tbody tr")).to_have_count(2)
    expect(page.locator(".problems")).to_contain_text("names another patient")
    page.get_by_label("Make DICOM objects of them").check()
    _look(page, "preview")
    assert Instance.objects.count() == 1

    page.get_by_role("button", name="Store", exact=True).click()
    expect(page.locator(".field-error").first).to_contain_text("whose it is")
    complaints.clear()  # a refused form answers 422
    page.get_by_label("Patient ID").fill("P3")
    page.get_by_label("Family name").fill("Inbox")
    page.get_by_label("Given name").fill("Carla")
    page.get_by_label("Date of birth").fill("1970-01-31")
    page.get_by_label("Sex").select_option("F")
    page.get_by_role("button", name="Store", exact=True).click()
    page.locator('#batch[data-state="done"]').wait_for()

    expect(page.locator("#tally-stored")).to_have_text("4")
    expect(page.locator("#tally-duplicate")).to_have_text("1")
    expect(page.locator("#tally-quarantined")).to_have_text("2")
    _look(page, "report")
    made = Instance.objects.get(sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.4")
    assert made.series.study.patient.dicom_patient_id == "P3"
    with page.expect_download() as caught:
        page.get_by_role("link", name="CSV").click()
    assert "wound.png" in caught.value.path().read_text()


def test_a_closed_laptop_goes_on_where_it_stopped(live_server, page, tmp_path, complaints) -> None:
    ds = make_dataset(Rows=2048, Columns=2560, NumberOfFrames=2)
    scan = tmp_path / "scan.dcm"
    scan.write_bytes(as_part10(ds))
    assert scan.stat().st_size > BIG
    sent: list[tuple[str, int]] = []
    page.on(
        "request",
        lambda request: sent.append(
            (request.headers.get("upload-offset", ""), request.method == "PATCH")
        ),
    )
    # The line breaks after the first piece.
    page.route(
        re.compile(r"/files/\d+$"),
        lambda route: (
            route.abort()
            if route.request.headers.get("upload-offset", "0") != "0"
            else route.continue_()
        ),
    )
    page.goto(f"{live_server.url}/upload/")
    page.locator("#pick-files").set_input_files(scan)
    expect(page.locator("#sending-title")).to_contain_text("goes on by itself", timeout=60_000)
    page.get_by_role("button", name="Stop").click()
    page.unroute_all(behavior="ignoreErrors")
    sent.clear()

    page.reload()
    expect(page.get_by_text("Nothing is lost")).to_be_visible()
    complaints.clear()  # broken lines are what was asked for
    _look(page, "unfinished")
    page.goto(f"{live_server.url}/upload/")
    expect(page.get_by_role("heading", name="Unfinished")).to_be_visible()
    page.locator(".inbox-rows a").first.click()
    page.locator("#pick-files").set_input_files(scan)
    page.locator('#batch[data-state="done"]').wait_for()

    offsets = [offset for offset, is_piece in sent if is_piece]
    assert offsets[0] == str(8 * 1024 * 1024)
    stored = Instance.objects.select_related("blob").get()
    assert stored.blob.size_bytes == scan.stat().st_size
    assert UploadFile.objects.get().state == "stored"


def test_the_quarantine_is_decided_and_folders_are_watched(
    live_server, page, project, archive_admin, tmp_path, complaints
) -> None:
    known = make_dataset(PatientID="P1", PatientName="Inbox^Ada")
    store_datasets(known, project=project)
    _refuse(
        as_part10(make_dataset(PatientID="P9", StudyInstanceUID=known.StudyInstanceUID)), project
    )
    _refuse(b"no DICOM " * 40, project)
    page.goto(f"{live_server.url}/quarantine/")
    expect(page.locator("tbody tr")).to_have_count(2)
    _look(page, "quarantine")
    page.locator("tbody tr", has_text="patient-mismatch").locator("a").click()
    _look(page, "quarantine-entry")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_contain_text("names another patient")
    page.get_by_label("Patient ID", exact=True).fill("P1")
    page.get_by_label("Patient name").fill("Inbox^Ada")
    page.get_by_label("Reason, where you change something").fill("Wrong card")
    complaints.clear()  # a refused form answers 422
    page.get_by_role("button", name="Store it").click()
    page.wait_for_url(f"**/studies/{known.StudyInstanceUID}/")
    assert Instance.objects.count() == 2

    page.goto(f"{live_server.url}/quarantine/")
    page.locator("tbody tr a").click()
    page.locator("#d-reason").fill("A text file")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="Nothing was refused")).to_be_visible()
    assert not Quarantine.objects.filter(resolved_at=None).exists()

    page.goto(f"{live_server.url}/folders/")
    page.get_by_label("Folder of the archive").fill("/etc")
    page.get_by_role("button", name="Watch it").click()
    expect(page.locator(".field-error")).to_contain_text("outside")
    complaints.clear()
    page.get_by_label("Folder of the archive").fill(str(tmp_path / "scanner"))
    page.get_by_role("button", name="Watch it").click()
    expect(page.locator("tbody")).to_contain_text("scanner")
    _look(page, "folders")
    assert WatchedFolder.objects.get().account == archive_admin


def _refuse(content: bytes, project) -> None:
    from archive.ingest.services import ingest_files
    from archive.ingest.spooling import spool_stream
    from archive.ingest.types import IncomingFile

    with spool_stream([content]) as spool:
        ingest_files(
            files=[IncomingFile(spool, name="scan/IM0001")],
            origin=Origin(door="dimse", source="CT1", project=project),
        )
