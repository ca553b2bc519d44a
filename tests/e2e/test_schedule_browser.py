"""The schedule, and a model started by hand, in a real browser."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from archive.audit.types import Asker
from archive.models import ScheduledStep
from archive.scheduling.services import move_step, schedule_step
from archive.scheduling.types import StepValues
from inference.bundles.external import register_external
from inference.models import Run
from tests.browsing import MARKS, await_images, take_picture, wider_than_the_window
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Series

pytestmark = MARKS
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1440, "height": 900}
DAY = datetime.date(2026, 7, 6)
DAYS_WORK = (
    ("Hopper^Grace", "MR", "MR1", "Brain with contrast", datetime.time(8, 0), "COMPLETED"),
    ("Curie^Marie", "CT", "CT1", "Thorax, low dose", datetime.time(8, 30), "STARTED"),
    ("Noether^Emmy", "CT", "CT1", "Abdomen with contrast", datetime.time(9, 15), "ARRIVED"),
    ("山田^太郎", "US", "US2", "Thyroid", datetime.time(10, 0), "SCHEDULED"),
    ("Lovelace^Ada", "DX", "DX1", "Hand, two views", None, "DISCONTINUED"),
)


@pytest.fixture
def days_work(radiologist) -> None:
    asker = Asker(door="tests", user=radiologist)
    for number, (name, modality, station, what, time, state) in enumerate(DAYS_WORK, start=1):
        values = StepValues(
            dicom_patient_id=f"PAT{number}",
            patient_name=name,
            modality=modality,
            scheduled_date=DAY,
            scheduled_time=time,
            accession_number=f"A2026{number:03}",
            scheduled_station_ae_title=station,
            scheduled_step_location=f"Room {number}",
            scheduled_step_description=what,
            requested_procedure_priority="STAT" if number == 2 else "",
            allergies="Contrast medium" if number == 3 else "",
        )
        step = schedule_step(asker=asker, values=values)
        if state != "SCHEDULED":
            move_step(asker=asker, step_id=step.pk, state=state)


def test_day_is_looked_at_and_an_examination_scheduled(days_work, sign_in, complaints, live_server):
    page = sign_in("radiologist")
    page.set_viewport_size(DESK)
    page.goto(f"{live_server.url}/schedule/?day={DAY}")
    expect(page.locator(".steps tbody tr")).to_have_count(5)
    take_picture(page, "schedule")

    page.get_by_role("row", name="Noether").get_by_role("button", name="Start").click()
    expect(page.get_by_role("row", name="Noether")).to_contain_text("Started")
    page.get_by_role("link", name="New examination").click()
    page.get_by_label("Name, as DICOM writes it").fill("Meitner^Lise")
    page.get_by_label("Patient ID").fill("PAT9")
    page.get_by_label("Modality").fill("mr")
    page.get_by_label("What was asked for").fill("MR knee, left")
    take_picture(page, "schedule-new", is_full=True)
    page.get_by_role("button", name="Put on the schedule").click()

    expect(page.get_by_role("row", name="Meitner")).to_contain_text("MR knee, left")
    page.get_by_role("link", name="Meitner, Lise").click()
    expect(page.get_by_label("Step", exact=True)).not_to_have_value("")
    take_picture(page, "schedule-step", is_full=True)
    page.set_viewport_size(PHONE)
    assert wider_than_the_window(page) == []
    page.goto(f"{live_server.url}/schedule/?day={DAY}")
    assert wider_than_the_window(page) == []
    take_picture(page, "schedule-phone")
    assert ScheduledStep.objects.count() == 6


@pytest.fixture
def stored_series(transactional_db, project) -> Series:
    datasets = make_ct_series(chest_phantom()[20:40], WindowCenter=-200, WindowWidth=1600)
    return store_datasets(*datasets, project=project)[0].series


def test_model_is_started_from_the_pages_of_study_and_series(
    radiologist, stored_series, sign_in, complaints, live_server
):
    asker = Asker(door="tests", name="tests")
    register_external(
        asker=asker,
        name="liver-elsewhere",
        version="2",
        task="segment",
        modalities=["CT"],
        description="Segments the liver on a machine of another department.",
    )
    ModelVersionFactory(name="thyroid", task="classify", inputs={"modalities": ["US"]})
    study = stored_series.study.study_instance_uid
    page = sign_in("radiologist")
    page.set_viewport_size(DESK)
    page.goto(f"{live_server.url}/studies/{study}/")
    expect(page.get_by_role("link", name="Run a model")).to_be_visible()
    await_images(page)
    take_picture(page, "study-run-a-model")
    page.goto(f"{live_server.url}/studies/{study}/series/{stored_series.series_instance_uid}/")
    take_picture(page, "series-run-a-model")

    page.get_by_role("link", name="Run a model").click()
    await_images(page)
    take_picture(page, "run-start")
    page.set_viewport_size(PHONE)
    assert wider_than_the_window(page) == []
    page.set_viewport_size(DESK)
    page.locator(".start-model", has_text="liver-elsewhere").get_by_role("button").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("liver-elsewhere")
    take_picture(page, "run-outside")
    assert Run.objects.get().state == "queued"
