"""From labels to a promoted model, by clicks alone, in a real browser."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from inference.models import TrainingRun
from inference.runs.defaults import EMBEDDER, _register_embedder
from inference.training.fitting import fit_training
from inference.training.services import claim_training, due_trainings
from tests.browsing import MARKS, take_picture, wider_than_the_window
from tests.builders.masked_patients import make_masked_patients
from tests.builders.striped_patients import make_striped_patients

pytestmark = MARKS


@pytest.fixture
def labelled(project, settings, tmp_path, embedder_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(embedder_path, folder)
    settings.TWINSIGHT_MODELS_DIR = folder
    _register_embedder(EMBEDDER, 384, folder / embedder_path.name)
    return make_striped_patients(project, count=30)


@pytest.fixture(scope="session")
def embedder_path(tmp_path_factory):
    from inference.bundles.embedder import ensure_embedder

    return ensure_embedder(tmp_path_factory.mktemp("models"))


def work() -> None:
    """Do what beat and a worker do, without waiting for their clocks."""

    def train() -> None:
        try:
            for key in due_trainings():
                claimed = claim_training(key)
                assert claimed is not None
                fit_training(claimed, makes_room=False)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(train).result()


def test_admin_trains_reads_the_figures_and_promotes(
    labelled, archive_admin, sign_in, complaints, live_server
) -> None:
    from playwright.sync_api import expect

    page = sign_in("archive_admin")
    page.set_default_timeout(60_000)
    page.goto(f"{live_server.url}/training/")
    page.get_by_label("Name of the model").fill("stripes")
    page.get_by_text("Augmentation, schedule, split").click()
    page.get_by_label("Epochs at most").fill("30")
    take_picture(page, "training-new", is_full=True)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#live")).to_contain_text("The next worker that is free takes it.")

    rows = [
        {"epoch": n, "loss": 1.1 / n, "validation_loss": 0.2 + 1 / n, "validation_accuracy": 0.8}
        for n in range(1, 13)
    ]
    TrainingRun.objects.update(
        state="running",
        progress={"stage": "learning", "epoch": 12, "epochs": 30, "history": rows},
    )
    expect(page.locator("#live")).to_contain_text("epoch 12 of at most 30")
    take_picture(page, "training-live", is_full=True)
    TrainingRun.objects.update(state="queued", progress={})
    work()
    training = TrainingRun.objects.get()
    assert training.state == TrainingRun.State.SUCCEEDED, training.message

    expect(page.get_by_role("heading", name="Confusion")).to_be_visible()
    take_picture(page, "training-done", is_full=True)
    assert wider_than_the_window(page) == []
    page.locator("summary").filter(has_text="Promote").click()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("stripes 1: active")).to_be_visible()
    page.goto(f"{live_server.url}/training/")
    take_picture(page, "training-list", is_full=True)
    page.set_viewport_size({"width": 390, "height": 800})
    assert wider_than_the_window(page) == []
    assert complaints == []


def test_admin_trains_on_masks(
    project, settings, tmp_path, archive_admin, sign_in, complaints, live_server
) -> None:
    from playwright.sync_api import expect

    settings.TWINSIGHT_MODELS_DIR = tmp_path
    make_masked_patients(project, count=5)
    page = sign_in("archive_admin")
    page.set_default_timeout(60_000)
    page.goto(f"{live_server.url}/training/")
    page.get_by_label("Name of the model").fill("balls")
    page.get_by_label("Segments, by label or code").fill("Ball")
    page.get_by_text("Patches, augmentation, schedule, split").click()
    for label, value in (("Epochs at most", 4), ("Patch side", 16), ("Channels", 4)):
        page.get_by_label(label).fill(str(value))
    take_picture(page, "training-masks-new", is_full=True)
    assert wider_than_the_window(page) == []
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#live")).to_contain_text("The next worker that is free takes it.")

    work()
    training = TrainingRun.objects.get()
    assert training.state == TrainingRun.State.SUCCEEDED, training.message

    expect(page.get_by_role("heading", name="By structure")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("validation Dice")
    take_picture(page, "training-masks-done", is_full=True)
    page.set_viewport_size({"width": 390, "height": 800})
    take_picture(page, "training-masks-narrow", is_full=True)
    assert wider_than_the_window(page) == []
    assert complaints == []
