from __future__ import annotations

import io

import pytest
from django.test import RequestFactory
from PIL import Image

from archive.audit.types import Asker
from archive.dicomweb.views import wado
from tests.builders.datasets import make_dataset
from tests.builders.multipart import content_of
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(radiologist, project):
    ds = make_dataset()
    store_datasets(ds, project=project)

    def get(user=radiologist, **changes):
        keys = {
            "requestType": "WADO",
            "studyUID": ds.StudyInstanceUID,
            "seriesUID": ds.SeriesInstanceUID,
            "objectUID": ds.SOPInstanceUID,
            **changes,
        }
        request = RequestFactory().get("/wado", {k: v for k, v in keys.items() if v is not None})
        request.user = user
        request.asker = Asker(door="dicomweb", user=user)
        return wado(request)

    return get


def test_a_picture_is_the_default(ask):
    response = ask(windowCenter="0", windowWidth="500", rows="8")

    assert response["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (6, 8)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/png", "image/png"),
        ("application/dicom", "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"),
        ("text/html,image/*", "image/jpeg"),
    ],
)
def test_the_content_type_is_the_first_that_can_be_made(ask, content_type, expected):
    assert ask(contentType=content_type)["Content-Type"] == expected


def test_the_file_is_a_dicom_file(ask):
    response = ask(contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.1")

    assert content_of(response)[128:132] == b"DICM"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"requestType": None}, 400),
        ({"requestType": "QIDO"}, 400),
        ({"objectUID": None}, 400),
        ({"objectUID": "1.2.3.4"}, 404),
        ({"contentType": "text/html"}, 406),
        ({"frameNumber": "2"}, 404),
        ({"frameNumber": "x"}, 400),
        ({"windowCenter": "1"}, 400),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406),
        ({"contentType": "application/dicom", "transferSyntax": "x"}, 400),
        ({"anonymize": "yes"}, 400),
        ({"region": "0,0,1"}, 400),
        ({"region": "0.5,0,0.2,1"}, 400),
        ({"annotation": "all"}, 400),
    ],
)
def test_bad_requests_have_their_status(ask, changes, status):
    assert ask(**changes).status_code == status


def test_a_region_is_cut_out_by_shares_of_the_sides(ask):
    response = ask(contentType="image/png", region="0.5,0.25,1,1")

    assert Image.open(io.BytesIO(response.content)).size == (6, 12)


def test_a_file_comes_in_the_transfer_syntax_asked_for(ask):
    response = ask(contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.4.80")

    assert response["Content-Type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80"


def test_an_outsider_gets_nothing(ask, outsider):
    assert ask(user=outsider).status_code == 404
