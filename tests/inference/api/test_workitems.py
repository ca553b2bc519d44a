"""Runs as Unified Procedure Steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pydicom import Dataset

from archive.models import AuditEvent
from inference.runs.finishing import finish_run
from inference.runs.types import RunOutcome
from tests.builders.datasets import make_dataset
from tests.builders.runs import claimed_run, due_run
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.models import Project, Series

pytestmark = pytest.mark.django_db
URL = "/dicom-web/workitems"


@pytest.fixture
def series(project: Project) -> Series:
    return store_datasets(make_dataset(), project=project)[0].series


@pytest.fixture
def client(radiologist: User) -> Client:
    client = Client(raise_request_exception=False, headers={"accept": "application/dicom+json"})
    client.force_login(radiologist)
    return client


def test_runs_are_workitems_with_state_urgency_and_input(client: Client, series: Series) -> None:
    finish_run(claimed_run(series), RunOutcome(device="cpu", outputs={"sr": "1.2.3"}))
    due_run(series, priority=9)

    answer = client.get(URL)
    items = [Dataset.from_json(item) for item in answer.json()]

    assert answer["Content-Type"].startswith("application/dicom+json")
    assert [item.ProcedureStepState for item in items] == ["SCHEDULED", "COMPLETED"]
    assert [item.ScheduledProcedureStepPriority for item in items] == ["HIGH", "LOW"]
    assert items[0].InputInformationSequence[0].SeriesInstanceUID == series.series_instance_uid
    performed = items[1].UnifiedProcedureStepPerformedProcedureSequence[0]
    (output,) = performed.OutputInformationSequence[0].ReferencedSOPSequence
    assert output.ReferencedSOPInstanceUID == "1.2.3"


def test_workitem_is_retrieved_by_its_uid_with_its_images(client: Client, series: Series) -> None:
    run = claimed_run(series)
    (listed,) = client.get(URL, {"ProcedureStepState": "IN PROGRESS"}).json()
    uid = listed["00080018"]["Value"][0]

    (item,) = client.get(f"{URL}/{uid}").json()

    read = Dataset.from_json(item)
    images = read.InputInformationSequence[0].ReferencedSOPSequence
    assert [image.ReferencedSOPInstanceUID for image in images] == list(run.inputs)
    assert len(uid) <= 64
    assert set(AuditEvent.objects.values_list("act", flat=True)) >= {"search-workitems", "workitem"}


def test_search_narrows_and_pages(client: Client, series: Series) -> None:
    due_run(series)
    due_run(series)
    study = series.study.study_instance_uid

    assert len(client.get(URL, {"StudyInstanceUID": study, "limit": "1"}).json()) == 1
    assert client.get(URL, {"0020000D": study, "offset": "2"}).status_code == 204
    assert client.get(URL, {"ProcedureStepState": "CANCELED"}).status_code == 204
    unknown, flag = {"NoSuchKey": "1"}, {"fuzzymatching": "maybe"}
    for wrong in (unknown, flag, {"limit": "x"}, {"0020000D": "1\x00"}):
        assert client.get(URL, wrong).status_code == 400


@pytest.mark.parametrize("uid", ["1.2.3", "2.25.5", "2.25.x", "..", "2.25." + "9" * 59])
def test_no_workitem_is_not_found(client: Client, uid: str) -> None:
    assert client.get(f"{URL}/{uid}").status_code == 404


def test_workitems_of_others_are_not_there(client: Client, series: Series, outsider: User) -> None:
    due_run(series)
    (listed,) = client.get(URL).json()
    other = Client()
    other.force_login(outsider)

    assert other.get(URL).status_code == 204
    assert other.get(f"{URL}/{listed['00080018']['Value'][0]}").status_code == 404
