"""`/metrics`: who is told, and of what."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.statistics.counting import count_days
from archive.statistics.sampling import take_sample
from deploy.metrics.views import is_this_machine
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

    from archive.models import Project

pytestmark = pytest.mark.django_db


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_figures_of_requests_queues_and_storage(client: Client, project: Project) -> None:
    store_datasets(make_dataset(), project=project)
    count_days()
    take_sample()
    client.get("/dicom-web/studies")

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    found = samples(answer.content.decode())
    assert found["twinsight_queue_rows", "outbox", "waiting"] == 1
    assert found["twinsight_queue_oldest_seconds", "outbox"] > 0
    assert found["twinsight_archive_studies",] == 1
    assert found["twinsight_ingested_instances_total",] >= 1
    assert found["twinsight_broker_up",] == 1
    assert found["twinsight_storage_free_bytes",] > 0
    assert found["twinsight_database_bytes",] > 0
    requests = "twinsight_http_requests_total"
    counted = [value for key, value in found.items() if key[0] == requests]
    assert sum(counted) >= 1
    # No identifier of anybody is in it.
    assert "Test^" not in answer.content.decode()


def test_only_this_machine_and_tokens_made_for_it_are_told(client: Client) -> None:
    asker = Asker(door="test")
    tokens = {
        scope: create_api_token(asker=asker, username="monitor", scopes=[scope])
        for scope in ("metrics", "read")
    }
    outside = {"REMOTE_ADDR": "192.0.2.7"}

    assert client.get("/metrics", **outside).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    for scope, status in (("metrics", 200), ("read", 403)):
        bearer = {"Authorization": f"Bearer {tokens[scope]}"}
        assert client.get("/metrics", headers=bearer, **outside).status_code == status
    # A token for the metrics opens nothing else.
    bearer = {"Authorization": f"Bearer {tokens['metrics']}"}
    assert client.get("/api/v1/studies", headers=bearer).status_code == 403
    assert client.post("/metrics").status_code == 405


def test_addresses_of_this_machine() -> None:
    asked = RequestFactory()
    assert is_this_machine(asked.get("/", REMOTE_ADDR="::1"))
    assert not is_this_machine(asked.get("/", REMOTE_ADDR=""))


def test_processes_count_together(tmp_path: Path) -> None:
    script = (
        "from deploy.metrics.requests import REQUESTS;"
        "REQUESTS.labels('portal:study-list', 'GET', '200').inc()"
    )
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], check=True, env=environ)
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from deploy.metrics.requests import requests_text; print(requests_text().decode())",
        ],
        check=True,
        capture_output=True,
        text=True,
        env=environ,
    ).stdout

    # In whatever order its labels are written.
    counted = {frozenset(one): number for one, number in samples(told).items()}
    line = {"twinsight_http_requests_total", "portal:study-list", "GET", "200"}
    assert counted[frozenset(line)] == 2
