"""Objects of others by their UIDs: nothing tells that they exist (T31, T34)."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

# As long as each other, so that answers that repeat them are.
STUDY, ABSENT = "1.2.826.0.1.9.92", "1.2.826.0.1.9.93"
PATHS = (
    "/studies/{0}/",
    "/studies/{0}/series/{0}.1/",
    "/studies/{0}/sharing/",
    "/dicom-web/studies/{0}",
    "/dicom-web/studies/{0}/metadata",
    "/dicom-web/studies/{0}/rendered",
    "/dicom-web/studies/{0}/series/{0}.1/metadata",
    "/dicom-web/studies/{0}/series/{0}.1/thumbnail",
    "/dicom-web/studies/{0}/series/{0}.1/instances/{0}.1.1",
    "/dicom-web/studies/{0}/series/{0}.1/instances/{0}.1.1/frames/1",
    "/dicom-web/studies/{0}/series/{0}.1/instances/{0}.1.1/rendered",
    "/dicom-web/studies?StudyInstanceUID={0}",
    "/wado?requestType=WADO&studyUID={0}&seriesUID={0}.1&objectUID={0}.1.1",
    "/api/v1/studies/{0}",
    "/api/v1/studies/{0}/status",
    "/api/v1/studies/{0}/grants",
)


@pytest.fixture(autouse=True)
def stored(project):
    store_datasets(
        make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.1",
            Modality="CT",
            PatientName="Hidden^Name",
        ),
        project=project,
    )


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def _said(response, uid):
    body = b"".join(response.streaming_content) if response.streaming else response.content
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in {"Set-Cookie", "Vary"}
    }
    text = body.decode("latin-1").replace(uid, "UID")
    return response.status_code, kept, _without_tokens(text)


def _without_tokens(text):
    """Leave out what differs from answer to answer anyway: the masked CSRF token."""
    return re.sub(r"[A-Za-z0-9]{64}", "TOKEN", text)


def test_t31_idor_uid(outsider) -> None:
    """T31: what belongs to others and what is not there get the same answer, to the byte."""
    client = signed_in(outsider)
    for path in PATHS:
        theirs = _said(client.get(path.format(STUDY)), STUDY)
        nobodys = _said(client.get(path.format(ABSENT)), ABSENT)
        assert theirs == nobodys, path
        assert theirs[0] in {404, 200, 204}, path


def test_t34_cache_isolation(radiologist, outsider) -> None:
    """T34: what one person was given validates nothing for another, and is kept by no cache."""
    mine, theirs = signed_in(radiologist), signed_in(outsider)
    for path in PATHS:
        address = path.format(STUDY)
        response = mine.get(address)
        if response.status_code != 200:
            continue
        body = response.streaming_content if response.streaming else [response.content]
        b"".join(body)
        assert "private" in response["Cache-Control"] or "no-store" in response["Cache-Control"]
        asked = {"Range": "bytes=0-10"}
        if "ETag" in response:
            asked["If-None-Match"] = response["ETag"]
        answer = theirs.get(address, headers=asked)
        assert answer.status_code not in {206, 304}, address
        if not address.startswith("/dicom-web/studies?"):
            assert answer.status_code == 404, address
