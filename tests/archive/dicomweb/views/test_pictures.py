from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.archive.dicomweb.views.test_retrieving import url_of
from tests.builders.datasets import make_dataset
from tests.builders.multipart import content_of, parts_of
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(project):
    (instance,) = store_datasets(make_dataset(NumberOfFrames=3), project=project)
    return instance


def picture(response):
    assert response.status_code == 200, response.content
    return Image.open(io.BytesIO(content_of(response)))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "JPEG"),
        ("image/png", "PNG"),
        ("image/gif", "GIF"),
        ("image/avif,image/webp,*/*;q=0.8", "JPEG"),
    ],
)
def test_an_instance_is_rendered_in_the_format_asked_for(web, image, accept, expected):
    shown = picture(web.get(url_of(image, "/rendered"), HTTP_ACCEPT=accept))

    assert shown.format == expected
    assert shown.size == (12, 16)


def test_the_query_key_of_ohif_chooses_the_format(web, image):
    response = web.get(url_of(image, "/rendered?accept=image/png"), HTTP_ACCEPT="*/*")

    assert picture(response).format == "PNG"


def test_a_window_changes_the_picture(web, image):
    dark, bright = (
        picture(web.get(url_of(image, f"/frames/2/rendered?accept=image/png&window={window}")))
        for window in ("2000,10", "-2000,10")
    )

    assert dark.getextrema() == (0, 0)
    assert bright.getextrema() == (255, 255)


def test_a_viewport_cuts_flips_and_scales(web, image):
    url = url_of(image, "/frames/1/rendered?accept=image/png")

    whole = picture(web.get(f"{url}&viewport=24,32"))
    part = picture(web.get(f"{url}&viewport=6,8,0,0,6,8"))
    flipped = picture(web.get(f"{url}&viewport=6,8,0,0,-6,8"))

    assert whole.size == (24, 32)
    assert part.size == (6, 8)
    assert flipped.transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes() == part.tobytes()


@pytest.mark.parametrize(
    ("suffix", "status"),
    [
        ("/rendered?window=1,0", 400),
        ("/rendered?window=x,y", 400),
        ("/rendered?viewport=10,10,500,500,5,5", 400),
        ("/rendered?viewport=100000,100000", 413),
        ("/rendered?quality=0", 400),
        ("/rendered?accept=text/html", 406),
        ("/frames/9/rendered", 404),
        ("/frames/x/rendered", 400),
        ("/frames/9/thumbnail", 404),
    ],
)
def test_what_can_not_be_rendered_has_its_status(web, image, suffix, status):
    accept = {"HTTP_ACCEPT": "text/html"} if "text/html" in suffix else {}

    assert web.get(url_of(image, suffix), **accept).status_code == status


def test_several_frames_and_whole_series_are_multipart(web, image):
    parts = parts_of(web.get(url_of(image, "/frames/1,3/rendered")))
    assert [part_type for part_type, _ in parts] == ["image/jpeg"] * 2

    study = f"/dicom-web/studies/{image.series.study.study_instance_uid}"
    for path in (study, f"{study}/series/{image.series.series_instance_uid}"):
        assert len(parts_of(web.get(f"{path}/rendered"))) == 3
        response = web.get(f"{path}/rendered", HTTP_ACCEPT='multipart/related; type="image/png"')
        assert parts_of(response)[0][1].startswith(b"\x89PNG")


def test_thumbnails_at_every_level(web, image):
    study = f"/dicom-web/studies/{image.series.study.study_instance_uid}"
    series = f"{study}/series/{image.series.series_instance_uid}"

    for path in (study, series, url_of(image), url_of(image, "/frames/1")):
        shown = picture(web.get(f"{path}/thumbnail"))
        assert shown.format == "JPEG"
        assert max(shown.size) == 200


def test_a_picture_is_not_sent_twice_but_never_without_rights(web, browser, outsider, image):
    url = url_of(image, "/thumbnail")
    first = web.get(url)

    assert first["Cache-Control"] == "private, no-cache"
    assert web.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    stranger = browser(outsider).get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert stranger.status_code == 404


def test_what_is_no_image_has_no_picture(web, project):
    report = make_dataset(
        Modality="PR", SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", Rows=None, PixelData=None
    )
    (instance,) = store_datasets(report, project=project)
    series = url_of(instance).partition("/instances")[0]

    assert web.get(url_of(instance, "/rendered")).status_code == 406
    assert web.get(url_of(instance, "/thumbnail")).status_code == 406
    assert web.get(f"{series}/rendered").status_code == 406
    assert web.get(f"{series}/thumbnail").status_code == 404
    assert web.get(url_of(instance, "/frames/1")).status_code == 404


@pytest.mark.parametrize("annotation", ["patient", "technique", "patient,technique"])
def test_annotations_are_drawn_into_the_corners(web, project, annotation):
    ds = make_dataset(Rows=128, Columns=128, PatientName="Do\x07e^Jane", SeriesDescription="Chest")
    ds.PixelData = bytes(128 * 128 * 2)
    (instance,) = store_datasets(ds, project=project)
    url = url_of(instance, "/rendered?accept=image/png&window=0,2000")

    plain = picture(web.get(url))
    noted = picture(web.get(f"{url}&annotation={annotation}"))

    left, right = ((0, 0, 60, 60), (68, 0, 128, 60))
    for part, word in ((left, "patient"), (right, "technique")):
        assert (noted.crop(part).tobytes() != plain.crop(part).tobytes()) is (word in annotation)
    assert web.get(f"{url}&annotation=everything").status_code == 400


def test_a_report_is_shown_as_text_that_runs_nothing(web, project):
    said = "<script>alert(1)</script> & more"
    items = [content_item("TEXT", said)]
    (report,) = store_datasets(make_report(items), project=project)
    url = url_of(report, "/rendered")

    page = web.get(url, HTTP_ACCEPT="*/*")
    text = web.get(url, HTTP_ACCEPT="text/plain")
    xml = web.get(url, HTTP_ACCEPT="text/xml")

    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert page["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert b"&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page.content
    assert b"<script" not in page.content
    assert f"Finding: {said}" in text.content.decode()
    assert b"TextValue" in xml.content
    assert web.get(url, HTTP_ACCEPT="image/jpeg").status_code == 406
    assert web.get(url_of(report, "/frames/1/rendered")).status_code == 406


def test_an_encapsulated_document_comes_as_an_attachment(web, project):
    ds = make_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    del ds.PixelData
    ds.EncapsulatedDocument, ds.EncapsulatedDocumentLength = b"%PDF-1.4 x\0", 10
    (pdf,) = store_datasets(ds, project=project)

    response = web.get(url_of(pdf, "/rendered"))

    assert (response["Content-Type"], response.content) == ("application/pdf", b"%PDF-1.4 x")
    assert response["Content-Disposition"].startswith("attachment")
    assert "sandbox" in response["Content-Security-Policy"]
