"""The whole door with the client library that people use, against a live server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import requests
from dicomweb_client import DICOMwebClient

from archive.access.services import create_api_token
from archive.audit.types import Asker
from tests.builders.datasets import make_dataset

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.live_server_helper import LiveServer

    from archive.models import Project

pytestmark = pytest.mark.django_db(transaction=True)


def connect(live_server: LiveServer, username: str, project: Project | None) -> DICOMwebClient:
    secret = create_api_token(
        asker=Asker(door="test"),
        username=username,
        scopes=["read", "write"],
        role="clinician",
        projects=[project] if project else [],
    )
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {secret}"
    return DICOMwebClient(url=f"{live_server.url}/dicom-web", session=session)


@pytest.fixture
def dicomweb(live_server: LiveServer, project: Project) -> DICOMwebClient:
    return connect(live_server, "pacs", project)


def test_store_search_retrieve_and_render_with_dicomweb_client(dicomweb: DICOMwebClient) -> None:
    study = make_dataset(PatientName="Núñez^Ana", PatientID="W1", NumberOfFrames=None)
    second = make_dataset(
        StudyInstanceUID=study.StudyInstanceUID,
        SeriesInstanceUID=study.SeriesInstanceUID,
        PatientName="Núñez^Ana",
        PatientID="W1",
        InstanceNumber=2,
    )
    for ds in (study, second):
        ds.SpecificCharacterSet = "ISO_IR 192"
    path = (study.StudyInstanceUID, study.SeriesInstanceUID, study.SOPInstanceUID)

    stored = dicomweb.store_instances([study, second])
    assert len(stored.ReferencedSOPSequence) == 2
    assert "FailedSOPSequence" not in stored

    (found,) = dicomweb.search_for_studies(search_filters={"PatientName": "nunez*"})
    assert found["0020000D"]["Value"] == [study.StudyInstanceUID]
    assert found["00100010"]["Value"] == [{"Alphabetic": "Núñez^Ana"}]
    assert found["00201208"]["Value"] == [2]
    (series,) = dicomweb.search_for_series(study.StudyInstanceUID)
    assert series["00080060"]["Value"] == ["CT"]
    assert len(dicomweb.search_for_instances(*path[:2])) == 2

    assert len(dicomweb.retrieve_study_metadata(path[0])) == 2
    metadata = dicomweb.retrieve_instance_metadata(*path)
    assert metadata["00280010"]["Value"] == [study.Rows]
    uri = metadata["7FE00010"]["BulkDataURI"]
    assert dicomweb.retrieve_bulkdata(uri)[0] == study.PixelData

    assert len(dicomweb.retrieve_series(*path[:2])) == 2
    back = dicomweb.retrieve_instance(*path)
    assert back.PixelData == study.PixelData
    (frame,) = dicomweb.retrieve_instance_frames(*path, frame_numbers=[1])
    assert frame == study.PixelData
    picture = dicomweb.retrieve_instance_frames_rendered(
        *path, frame_numbers=[1], media_types=("image/png",)
    )
    assert picture.startswith(b"\x89PNG")
    assert dicomweb.retrieve_instance_rendered(*path).startswith(b"\xff\xd8")


def test_frames_read_as_array_are_the_pixels(dicomweb: DICOMwebClient) -> None:
    ds = make_dataset(NumberOfFrames=3)
    dicomweb.store_instances([ds])

    frames = dicomweb.retrieve_instance_frames(
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID, frame_numbers=[3, 1]
    )

    expected = np.frombuffer(ds.PixelData, "<i2").reshape(3, ds.Rows, ds.Columns)
    shape = (ds.Rows, ds.Columns)
    assert np.array_equal(np.frombuffer(frames[0], "<i2").reshape(shape), expected[2])
    assert np.array_equal(np.frombuffer(frames[1], "<i2").reshape(shape), expected[0])


def test_another_projects_token_finds_and_gets_nothing(
    dicomweb: DICOMwebClient, live_server: LiveServer, other_project: Project, outsider: User
) -> None:
    ds = make_dataset()
    dicomweb.store_instances([ds])
    stranger = connect(live_server, "stranger", other_project)

    assert stranger.search_for_studies() == []
    with pytest.raises(requests.HTTPError) as caught:
        stranger.retrieve_study_metadata(ds.StudyInstanceUID)
    assert caught.value.response.status_code == 404


def test_objects_are_deleted(live_server: LiveServer, project: Project) -> None:
    secret = create_api_token(
        asker=Asker(door="test"),
        username="curator",
        scopes=["read", "write", "admin"],
        role="radiology_admin",
        projects=[project],
    )
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {secret}"
    client = DICOMwebClient(url=f"{live_server.url}/dicom-web", session=session)
    datasets = [
        make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID=f"1.2.3.{number}")
        for number in (1, 2, 3)
    ]
    client.store_instances(datasets=datasets)
    first, second, third = datasets

    client.delete_instance("1.2.3", first.SeriesInstanceUID, first.SOPInstanceUID)
    client.delete_series("1.2.3", second.SeriesInstanceUID)
    left = client.search_for_instances(study_instance_uid="1.2.3")
    assert [one["00080018"]["Value"] for one in left] == [[third.SOPInstanceUID]]
    client.delete_study("1.2.3")

    assert client.search_for_studies() == []
    with pytest.raises(requests.HTTPError, match="410"):
        client.retrieve_study_metadata("1.2.3")
