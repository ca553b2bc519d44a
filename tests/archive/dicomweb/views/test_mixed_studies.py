"""Studies in which one object is of another kind than its siblings, or damaged."""

from __future__ import annotations

import pytest
from pydicom.encaps import encapsulate

from tests.archive.dicomweb.views.test_retrieving import url_of
from tests.builders.datasets import make_dataset
from tests.builders.multipart import content_of, parts_of
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
STUDY = "1.2.3"
URL = f"/dicom-web/studies/{STUDY}"
JPEG_2000, JPEG, MPEG_4, MPEG_2 = (f"1.2.840.10008.1.2.4.{n}" for n in ("90", "50", "102", "100"))
FILES = 'multipart/related; type="application/dicom"; transfer-syntax='
OCTETS = 'multipart/related; type="application/octet-stream"'
STREAM = b"\0\0\0\x18ftypmp42" + bytes(range(200)) * 3


@pytest.fixture
def image(project):
    (stored,) = store_datasets(make_dataset(StudyInstanceUID=STUDY), project=project)
    return stored


@pytest.fixture
def single_bits(project):
    ds = make_dataset(
        StudyInstanceUID=STUDY, Rows=8, Columns=8, BitsAllocated=1, BitsStored=1, HighBit=0,
        PixelRepresentation=0, PixelData=b"\xaa" * 8, InstanceNumber=2,
    )  # fmt: skip
    (stored,) = store_datasets(ds, project=project)
    return stored


@pytest.fixture
def damaged(project):
    return _compressed(project, JPEG, [b"\xff\xd8\xff no picture at all"], InstanceNumber=3)


@pytest.fixture
def video(project):
    # Two fragments: their border is no border of frames.
    fragments = [STREAM[:300], STREAM[300:]]
    return _compressed(project, MPEG_4, fragments, NumberOfFrames=50, InstanceNumber=4)


def _compressed(project, transfer_syntax, fragments, **attrs):
    ds = make_dataset(
        transfer_syntax=transfer_syntax, StudyInstanceUID=STUDY, BitsAllocated=8, BitsStored=8,
        HighBit=7, PixelRepresentation=0, PixelData=encapsulate(fragments, has_bot=False), **attrs,
    )  # fmt: skip
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    (stored,) = store_datasets(ds, project=project)
    return stored


def _types(response):
    return [kind for kind, _ in parts_of(response)]


def test_what_can_not_be_compressed_is_left_out_and_said_to_be(web, image, single_bits):
    response = web.get(URL, HTTP_ACCEPT=f"{FILES}{JPEG_2000}")

    assert response.status_code == 206
    assert "1 files can not be had in the transfer syntax" in response["Warning"]
    assert _types(response) == [f"application/dicom; transfer-syntax={JPEG_2000}"]


def test_where_none_can_be_had_it_is_406(web, single_bits):
    assert web.get(URL, HTTP_ACCEPT=f"{FILES}{JPEG_2000}").status_code == 406


@pytest.mark.parametrize("number", [0, 3])
def test_what_no_decoder_manages_goes_as_stored_among_others(web, image, damaged, number):
    type(image).objects.filter(pk=image.pk).update(instance_number=number + 1)

    response = web.get(URL, HTTP_ACCEPT=f"{FILES}{JPEG_2000}")

    assert response.status_code == 200
    assert set(_types(response)) == {
        f"application/dicom; transfer-syntax={JPEG_2000}",
        f"application/dicom; transfer-syntax={JPEG}",
    }
    pixels = web.get(f"{URL}/pixeldata", HTTP_ACCEPT=f"{OCTETS}; transfer-syntax={JPEG_2000}")
    assert len(parts_of(pixels)) == 2


def test_pictures_of_a_study_leave_out_what_is_none(web, damaged, video, image):
    response = web.get(f"{URL}/rendered")

    assert response.status_code == 200
    assert _types(response) == ["image/jpeg"]


def test_where_no_picture_can_be_made_it_is_406(web, damaged, video):
    assert web.get(f"{URL}/rendered").status_code == 406


def test_a_window_that_is_none_is_an_error_of_the_request(web, image):
    assert web.get(f"{URL}/rendered?window=1,0").status_code == 400


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", OCTETS),
        ("application/octet-stream", "application/octet-stream"),
        ("video/mp4", "video/mp4"),
        ('multipart/related; type="video/mp4"', 'multipart/related; type="video/mp4"'),
        (f"video/mp4; transfer-syntax={MPEG_4}", "video/mp4"),
    ],
)
def test_a_video_is_one_stream(web, video, accept, kind):
    response = web.get(url_of(video, "/bulkdata/7FE00010"), HTTP_ACCEPT=accept)

    assert response.status_code == 200
    assert response["Content-Type"].startswith(kind)
    is_single = "multipart" not in kind
    content = content_of(response) if is_single else parts_of(response)[0][1]
    assert content == STREAM


def test_a_video_comes_in_ranges(web, video):
    url = url_of(video, "/bulkdata/7FE00010?accept=video/mp4")

    response = web.get(url, HTTP_RANGE="bytes=290-309")

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes 290-309/{len(STREAM)}"
    assert content_of(response) == STREAM[290:310]
    assert content_of(web.get(url, HTTP_RANGE="bytes=-5")) == STREAM[-5:]
    assert content_of(web.get(url, HTTP_RANGE="bytes=0-3")) == STREAM[:4]


@pytest.mark.parametrize("path", ["/pixeldata", "/bulkdata"])
def test_a_video_lies_among_other_values(web, image, video, path):
    for where in (f"{URL}{path}", url_of(video, path)):
        contents = [content for _, content in parts_of(web.get(where))]
        assert contents[-1] == STREAM


def test_a_video_is_sent_as_it_is_or_not_at_all(web, video):
    for path in ("/bulkdata/7FE00010", "/pixeldata"):
        wanted = f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"
        assert web.get(url_of(video, path), HTTP_ACCEPT=wanted).status_code == 406
    assert web.get(url_of(video, "/bulkdata/7FE00010"), HTTP_ACCEPT="image/png").status_code == 406


def test_a_video_is_shown_as_itself(web, video, project):
    old = _compressed(project, MPEG_2, [STREAM], SeriesInstanceUID="1.2.9", NumberOfFrames=9)

    for one, kind in ((video, "video/mp4"), (old, "video/mpeg")):
        shown = web.get(url_of(one, "/rendered"))
        assert (shown.status_code, shown["Content-Type"].partition(";")[0]) == (200, kind)
        assert content_of(shown) == STREAM
    assert web.get(url_of(video, "/rendered"), HTTP_ACCEPT="image/jpeg").status_code == 406


@pytest.mark.parametrize("wanted", [{}, {"contentType": "video/mp4"}])
def test_a_video_is_shown_by_wado_uri(web, video, wanted):
    series = video.series
    keys = {
        "requestType": "WADO",
        "studyUID": STUDY,
        "seriesUID": series.series_instance_uid,
        "objectUID": video.sop_instance_uid,
    }

    shown = web.get("/wado", {**keys, **wanted})

    assert shown["Content-Type"].startswith("video/mp4")
    assert content_of(shown) == STREAM
    assert web.get("/wado", {**keys, "contentType": "image/png"}).status_code == 406
