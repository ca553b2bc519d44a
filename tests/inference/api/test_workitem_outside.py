"""A performer outside, by the web alone: looks for work, claims, fetches, stores, completes."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.dicom.reading import read_dataset
from archive.dicom.writing import write_part10
from inference.bundles.external import register_external
from inference.models import Run
from tests.builders.datasets import make_dataset
from tests.builders.runs import due_run
from tests.builders.stored import store_datasets
from tests.builders.workitems import performed, state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project

pytestmark = pytest.mark.django_db
ROOT = "/dicom-web"
JSON = "application/dicom+json"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"


@pytest.fixture
def performer(project: Project) -> Client:
    secret = create_api_token(
        asker=Asker(door="tests"),
        username="gpu-farm",
        scopes=["read", "write"],
        role="system",
        projects=[project],
    )
    return Client(headers={"authorization": f"Bearer {secret}"})


def _store(client: Client, study: str, content: bytes) -> Any:
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--x--\r\n"
    content_type = 'multipart/related; type="application/dicom"; boundary=x'
    return client.post(f"{ROOT}/studies/{study}", body, content_type=content_type)


def test_work_is_found_claimed_fetched_stored_and_completed(
    performer: Client, project: Project, radiologist: User
) -> None:
    series = store_datasets(make_dataset(), project=project)[0].series
    model = register_external(
        asker=Asker(door="tests"), name="liver", version="2", task="segment", station="GPU1"
    )
    run = due_run(series, model)
    query = {
        "ProcedureStepState": "SCHEDULED",
        "ScheduledStationNameCodeSequence.CodeValue": "GPU1",
    }

    (found,) = performer.get(f"{ROOT}/workitems", query).json()
    uid = found["00080018"]["Value"][0]
    claim = json.dumps(state("IN PROGRESS"))
    assert performer.put(f"{ROOT}/workitems/{uid}/state", claim, JSON).status_code == 200
    (item,) = performer.get(f"{ROOT}/workitems/{uid}").json()
    (given,) = item["00404021"]["Value"]
    study, of = given["0020000D"]["Value"][0], given["0020000E"]["Value"][0]
    (image,) = (one["00081155"]["Value"][0] for one in given["00081199"]["Value"])
    fetched = performer.get(
        f"{ROOT}/studies/{study}/series/{of}/instances/{image}",
        headers={"accept": "application/dicom"},
    )
    assert fetched.status_code == 200
    source = read_dataset(BytesIO(b"".join(fetched)))

    result = make_dataset(SOPClassUID=REPORT, Modality="SR")
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
        setattr(result, keyword, getattr(source, keyword))
    assert _store(performer, study, write_part10(result)).status_code == 200
    said = json.dumps(performed((REPORT, result.SOPInstanceUID), study=study))
    path = f"{ROOT}/workitems/{uid}?transaction-uid=2.25.77"
    assert performer.post(path, said, content_type=JSON).status_code == 200
    done = json.dumps(state("COMPLETED"))
    assert performer.put(f"{ROOT}/workitems/{uid}/state", done, JSON).status_code == 200

    run.refresh_from_db()
    assert (run.state, run.device) == (Run.State.SUCCEEDED, "by gpu-farm")
    assert run.outputs == {"sr": result.SOPInstanceUID}
    reader = Client()
    reader.force_login(radiologist)
    page = reader.get(f"/runs/{run.pk}/").content.decode()
    assert "Report" in page
    assert "by gpu-farm" in page
