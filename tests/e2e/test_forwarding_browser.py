"""Peers, forwarding, fetching and quotas as a radiology admin meets them, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

from archive.bulk.working import work_on_job
from archive.models import BulkJob, Fetch, Forward, ForwardingRule, Peer, PrefetchRule
from tests.browsing import MARKS, await_images, take_picture, wider_than_the_window
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = MARKS
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1440, "height": 900}


def _answer(uid: str, date: str, words: str) -> Dataset:
    found = Dataset()
    found.QueryRetrieveLevel = "STUDY"
    found.PatientID, found.PatientName = "PAT7", "Forward^Faye"
    found.PatientBirthDate, found.StudyInstanceUID = "19610402", uid
    found.StudyDate, found.StudyDescription = date, words
    found.ModalitiesInStudy, found.NumberOfStudyRelatedInstances = ["CT", "SR"], 212
    return found


@pytest.fixture
def pacs(project) -> Iterator[Peer]:
    def find(_event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, _answer("1.2.3.4.5.1", "20240311", "CT thorax, follow-up")
        yield 0xFF00, _answer("1.2.3.4.5.2", "20210917", "CT thorax and abdomen")

    ae = AE(ae_title="PACS")
    ae.add_supported_context(Verification)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])
    yield Peer.objects.create(
        ae_title="PACS",
        address="127.0.0.1",
        port=server.socket.getsockname()[1],
        description="The hospital's archive",
        project=project,
        may_query=True,
        is_move_destination=True,
    )
    server.shutdown()


@pytest.fixture
def world(pacs, project, archive_admin) -> list[Forward]:
    """Studies on their way in every state."""
    cloud = Peer.objects.create(
        protocol="dicomweb",
        ae_title="RESEARCH",
        address="192.0.2.20",
        base_url="https://research.example.org/dicom-web",
        uses_tls=True,
        may_store=False,
        description="The university's research archive",
    )
    Peer.objects.create(ae_title="CT1", address="192.0.2.4", description="Scanner, room 2")
    ForwardingRule.objects.create(
        name="Chest CT to research",
        peer=cloud,
        project=project,
        modalities=["CT"],
        conditions={"StudyDescription": "*thorax*"},
        is_enabled=True,
    )
    ForwardingRule.objects.create(name="Everything to the PACS", peer=pacs)
    PrefetchRule.objects.create(
        name="CT priors", peer=pacs, modalities=["CT"], prior_modalities=["CT", "CR"]
    )
    datasets = [
        make_dataset(Modality=kind, StudyDescription=words, PatientName=f"Forward^{name}")
        for kind, words, name in (
            ("CT", "Thorax native", "Anna"),
            ("MR", "Brain", "Bert"),
            ("CT", "Thorax with contrast", "Carla"),
            ("CT", "Abdomen", "Dora"),
        )
    ]
    stored = store_datasets(*datasets, project=project)
    now = timezone.now()
    states = (
        ("sent", cloud, "", now),
        ("failed", cloud, "The peer answers 0122H SOP class not supported.", now),
        ("waiting", pacs, "PACS at 127.0.0.1 port 104 can't be reached: Connection refused.", now),
        ("sending", pacs, "", now),
    )
    Fetch.objects.create(
        peer=pacs, study_instance_uid="1.2.3.4.9", dicom_patient_id="PAT7", state="failed",
        requested_by=archive_admin, not_before=now, message="PACS takes no C-GET.",
    )  # fmt: skip
    return [
        Forward.objects.create(
            peer=peer,
            instance=instance,
            study=instance.series.study,
            state=state,
            message=message,
            not_before=at + timedelta(minutes=8 if state == "waiting" else 0),
            finished_at=at if state in {"sent", "failed"} else None,
        )
        for instance, (state, peer, message, at) in zip(stored, states, strict=True)
    ]


@pytest.fixture
def page(live_server, archive_admin, context, sign_in, complaints) -> Iterator[Page]:
    context.set_default_timeout(60_000)
    opened = sign_in("archive_admin")
    opened.set_viewport_size(DESK)
    yield opened
    assert complaints == []


def _look(page: Page, name: str) -> None:
    """Take a picture at two widths; nothing scrolls sideways."""
    page.set_viewport_size(PHONE)
    take_picture(page, f"{name}-phone", is_full=True)
    assert wider_than_the_window(page) == []
    page.set_viewport_size(DESK)
    take_picture(page, name, is_full=True)


def test_peers_answer_an_echo_and_are_edited(live_server, world, pacs, page) -> None:
    page.goto(f"{live_server.url}/peers/")
    row = page.locator("tr", has_text="The hospital's archive")
    row.get_by_role("button", name="Echo").click()
    expect(row.get_by_text("Answers")).to_be_visible()
    silent = page.locator("tr", has_text="Scanner, room 2")
    silent.get_by_role("button", name="Echo").click()
    expect(silent.get_by_role("status")).to_contain_text("no port")
    _look(page, "peers")

    row.get_by_role("link", name="PACS").click()
    expect(page.get_by_label("Port")).to_be_visible()
    _look(page, "peer")
    page.get_by_text("DICOMweb", exact=True).click()
    expect(page.get_by_label("Base URL")).to_be_visible()
    expect(page.get_by_label("Port")).to_be_hidden()
    take_picture(page, "peer-dicomweb", is_full=True)
    page.get_by_text("DICOM (DIMSE)").click()
    page.get_by_label("Description").fill("The old archive")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("PACS is kept.")).to_be_visible()


def test_rule_is_tried_and_the_queue_watched(live_server, world, page) -> None:
    page.goto(f"{live_server.url}/forwarding/")
    expect(page.locator("#queue tr[data-row]")).to_have_count(4)
    _look(page, "forwarding")
    world[3].state = "sent"
    world[3].save()
    expect(page.locator("#queue").get_by_text("Sending")).to_have_count(0)
    failed = page.locator("#queue tr", has_text="not supported")
    failed.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 instance on the way again.")).to_be_visible()

    page.get_by_role("link", name="New rule").click()
    page.get_by_label("Name").fill("Thorax")
    page.get_by_label("Modalities").fill("CT")
    page.get_by_label("Conditions, one a line").fill("StudyDescription = *thorax*")
    page.get_by_role("button", name="Try on the archive").click()
    expect(page.locator(".trial-count")).to_contain_text("2")
    _look(page, "forwarding-rule")
    page.get_by_role("button", name="Keep, switched off").click()
    expect(page.get_by_text("The rule is kept, and off.")).to_be_visible()


def test_studies_are_marked_and_sent(live_server, world, pacs, page) -> None:
    page.goto(f"{live_server.url}/studies/")
    for name in ("Anna", "Bert"):
        page.get_by_label(f"Select the study of Forward, {name}").check()
    await_images(page)
    take_picture(page, "studies-marked")
    page.get_by_role("button", name="Send to a peer").click()
    page.get_by_label("To", exact=True).select_option(label="PACS, The hospital's archive")
    _look(page, "send")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("2 studies are under way.")).to_be_visible()
    work_on_job(BulkJob.objects.get().pk, for_s=600)
    assert Forward.objects.filter(peer=pacs, state="waiting").count() == 3


def test_peer_is_asked_and_a_study_fetched(live_server, world, page) -> None:
    page.goto(f"{live_server.url}/fetches/")
    page.get_by_label("Patient ID").fill("PAT7")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("CT thorax, follow-up")).to_be_visible()
    page.get_by_label("Fetch the study of 2024-03-11").check()
    _look(page, "fetches")
    page.get_by_role("button", name="Fetch what is marked").click()
    expect(page.get_by_text("1 study on the way here.")).to_be_visible()
    page.get_by_text("New rule").click()
    take_picture(page, "fetches-queued", is_full=True)
    page.goto(f"{live_server.url}/quotas/")
    page.get_by_label("Quota of Chest clinic").fill("0.00001")
    page.locator("tr", has_text="Chest clinic").get_by_role("button", name="Keep").click()
    expect(page.get_by_text("The quota is kept.")).to_be_visible()
    _look(page, "quotas")
