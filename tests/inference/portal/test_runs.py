"""The pages of runs: the list, one run, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse

from inference.models import Run
from inference.runs.finishing import fail_run, finish_run
from inference.runs.types import FindingValue, RunOutcome
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run, due_run
from tests.builders.stored import store_datasets
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from archive.models import Project, Series

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def client(radiologist: object) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


def page(client: Client, name: str, *args: Any, **query: str) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_list_shows_places_and_asks_again_while_runs_are_open(
    client: Client, series: Series
) -> None:
    due_run(series)
    due_run(series, priority=9)

    shown = page(client, "runs:run-list")

    assert "No. 1" in shown
    assert "No. 2" in shown
    assert "Stat" in shown
    assert 'hx-trigger="every 3s"' in shown


def test_list_is_quiet_once_all_is_over(client: Client, series: Series) -> None:
    finish_run(claimed_run(series), RunOutcome(device="cpu"))

    shown = page(client, "runs:run-list")

    assert "Done" in shown
    assert 'hx-trigger="every 3s"' not in shown


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"view": "failed"}, 1),
        ({"view": "open"}, 1),
        ({"view": "done"}, 0),
        ({"view": "nonsense"}, 2),
        ({"model": "broken"}, 1),
        ({"own": "1"}, 0),
        ({"page": "99"}, 2),
        ({"model": "\x00"}, 2),
    ],
)
def test_list_is_narrowed(
    client: Client, series: Series, query: dict[str, str], count: int
) -> None:
    failed = claimed_run(series, ModelVersionFactory(name="broken"))
    fail_run(failed, "no", is_retriable=False)
    due_run(series)

    assert page(client, "runs:run-list", **query).count("data-row") == count


def test_one_run_tells_inputs_times_results_and_log(client: Client, series: Series) -> None:
    run = claimed_run(series)
    finding = FindingValue(kind="classification", name="modality", label="CT", probability=0.91)
    outcome = RunOutcome(
        device="cpu", findings=(finding,), outputs={"sr": "1.2.3.4"}, timings={"infer": 2.5}
    )
    finish_run(run, outcome)

    shown = page(client, "runs:run-detail", run.pk)

    for words in ("91 %", "1.2.3.4", "2.5 s", "Attempt 1", "Not for diagnostic use"):
        assert words in shown
    assert series.instances.get().dataset_sha256 in shown


def test_run_is_cancelled_tried_again_and_run_with_another_version(
    client: Client, series: Series
) -> None:
    run = due_run(series)
    newer = ModelVersionFactory(name=run.model_version.name, version="2")

    client.post(reverse("runs:run-act", args=(run.pk, "cancel")))
    again = client.post(reverse("runs:run-act", args=(run.pk, "retry")), follow=True)
    client.post(
        reverse("runs:run-act", args=(run.pk, "again")),
        {"version": f"{newer.name}:{newer.version}"},
    )

    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert "It waits for a worker again." in again.content.decode()
    assert set(
        Run.objects.filter(again_of=run).values_list("model_version__version", flat=True)
    ) == {
        "1",
        "2",
    }


def test_what_is_not_possible_is_said(client: Client, series: Series) -> None:
    run = due_run(series)

    response = client.post(reverse("runs:run-act", args=(run.pk, "retry")), follow=True)

    assert "Only runs that failed" in response.content.decode()
    assert client.post(reverse("runs:run-act", args=(run.pk, "explode"))).status_code == 404


def test_who_only_looks_gets_no_buttons(colleague: object, series: Series) -> None:
    run = due_run(series)
    client = Client()
    client.force_login(colleague)

    assert "Cancel" not in page(client, "runs:run-detail", run.pk)
    assert client.post(reverse("runs:run-act", args=(run.pk, "cancel"))).status_code == 403


def test_runs_of_others_are_not_there(outsider: object, series: Series) -> None:
    run = due_run(series)
    client = Client()
    client.force_login(outsider)

    assert "No runs here" in page(client, "runs:run-list")
    assert client.get(reverse("runs:run-detail", args=(run.pk,))).status_code == 404
