from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset, Sequence

from archive.dicom.encoding import FrameShape, encode_frame
from tests.archive.dicomweb.views.test_retrieving import url_of
from tests.builders.datasets import make_dataset
from tests.builders.multipart import content_of, parts_of
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
OCTETS = "application/octet-stream"
PARTS = f'multipart/related; type="{OCTETS}"'
RLE = "1.2.840.10008.1.2.5"


@pytest.fixture
def image(project):
    ds = make_dataset(NumberOfFrames=2, StudyInstanceUID="1.2.3")
    nested = Dataset()
    nested.add_new(0x00281201, "OW", bytes(range(200)) * 20)
    ds.IconImageSequence = Sequence([nested])
    (instance,) = store_datasets(ds, project=project)
    return instance, ds


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, None)),
        ("bytes=-7", (-7, None)),
        ("bytes=3-999999", (3, None)),
        ("Bytes = 1-1", (1, 2)),
    ],
)
def test_a_range_of_a_value(web, image, asked, expected):
    instance, ds = image
    wanted = ds.PixelData[slice(*expected)]

    response = web.get(url_of(instance, "/bulkdata/7FE00010"), HTTP_ACCEPT=OCTETS, HTTP_RANGE=asked)

    assert response.status_code == 206
    assert content_of(response) == wanted
    start = expected[0] % len(ds.PixelData)
    stop = start + len(wanted) - 1
    assert response["Content-Range"] == f"bytes {start}-{stop}/{len(ds.PixelData)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "items=1-2", "bytes=9-2", "bytes=-", "x" * 99])
def test_what_is_no_single_range_is_answered_with_the_whole(web, image, asked):
    instance, ds = image

    response = web.get(url_of(instance, "/bulkdata/7FE00010"), HTTP_ACCEPT=OCTETS, HTTP_RANGE=asked)

    assert response.status_code == 200
    assert content_of(response) == ds.PixelData
    assert response["Accept-Ranges"] == "bytes"


def test_a_range_behind_the_end_is_416(web, image):
    instance, ds = image
    url = url_of(instance, "/bulkdata/7FE00010")

    for asked in (f"bytes={len(ds.PixelData)}-", "bytes=-0"):
        response = web.get(url, HTTP_ACCEPT=OCTETS, HTTP_RANGE=asked)
        assert response.status_code == 416
        assert response["Content-Range"] == f"bytes */{len(ds.PixelData)}"


def test_a_range_holds_only_for_the_value_it_was_taken_from(web, image):
    url = url_of(image[0], "/bulkdata/7FE00010")
    etag = web.get(url, HTTP_ACCEPT=OCTETS)["ETag"]

    def status(condition):
        headers = {"HTTP_ACCEPT": OCTETS, "HTTP_RANGE": "bytes=0-1", "HTTP_IF_RANGE": condition}
        return web.get(url, **headers).status_code

    assert (status(etag), status('"other"')) == (206, 200)
    assert web.get(url, HTTP_ACCEPT=OCTETS, HTTP_IF_NONE_MATCH=etag).status_code == 304


@pytest.mark.parametrize("level", ["", "/series/{series}", "/series/{series}/instances/{sop}"])
def test_all_values_that_metadata_points_to_come_with_their_addresses(web, image, level):
    instance, ds = image
    level = level.format(series=instance.series.series_instance_uid, sop=ds.SOPInstanceUID)

    parts = _located(web, f"/dicom-web/studies/1.2.3{level}/bulkdata")

    assert set(parts.values()) == {ds.PixelData, ds.IconImageSequence[0][0x00281201].value}
    for location, content in parts.items():
        assert content_of(web.get(location, HTTP_ACCEPT=OCTETS)) == content


def _located(web, url, accept=PARTS):
    response = web.get(url, HTTP_ACCEPT=accept)
    assert response.status_code == 200, response.content
    boundary = response["Content-Type"].partition("boundary=")[2].split(";")[0].encode()
    found = {}
    for part in content_of(response).split(b"--" + boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        location = head.partition(b"Content-Location: ")[2].split(b"\r\n")[0].decode()
        found[location] = found.get(location, b"") + body.removesuffix(b"\r\n")
    return found


def test_pixel_data_alone(web, image):
    instance, ds = image

    for path in ("/dicom-web/studies/1.2.3/pixeldata", url_of(instance, "/pixeldata")):
        assert list(_located(web, path).values()) == [ds.PixelData]


@pytest.mark.parametrize(
    ("keyword", "bits", "kind"),
    [
        ("FloatPixelData", 32, np.float32),
        ("DoubleFloatPixelData", 64, np.float64),
        ("PixelData", 32, np.uint32),
    ],
)
def test_pixel_data_of_floats(web, project, keyword, bits, kind):
    samples = np.arange(16, dtype=kind).tobytes()
    ds = make_dataset(StudyInstanceUID="1.2.3", Rows=4, Columns=4, BitsAllocated=bits)
    del ds.PixelData
    if keyword == "PixelData":
        ds.BitsStored, ds.HighBit = bits, bits - 1
    setattr(ds, keyword, samples)
    (instance,) = store_datasets(ds, project=project)

    for path in ("/dicom-web/studies/1.2.3/pixeldata", url_of(instance, "/pixeldata")):
        ((address, value),) = _located(web, path).items()
        assert value == samples
        assert b"".join(web.get(address, HTTP_ACCEPT=OCTETS)) == samples


def test_compressed_pixel_data_comes_frame_by_frame(web, project):
    samples = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    frame = encode_frame(samples, FrameShape(16, "MONOCHROME2"), RLE).content
    from pydicom.encaps import encapsulate

    ds = make_dataset(transfer_syntax=RLE, NumberOfFrames=2, Rows=64, Columns=64)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 15, 0
    ds.PixelData = encapsulate([frame, frame])
    ds["PixelData"].is_undefined_length = True
    (instance,) = store_datasets(ds, project=project)
    url = url_of(instance, "/pixeldata")

    plain = parts_of(web.get(url, HTTP_ACCEPT=PARTS))
    stored = parts_of(web.get(url, HTTP_ACCEPT=f"{PARTS}; transfer-syntax=*"))

    assert [content for _, content in plain] == [samples.tobytes()] * 2
    assert [content.rstrip(b"\0") for _, content in stored] == [frame.rstrip(b"\0")] * 2
    refused = f"{PARTS}; transfer-syntax=1.2.840.10008.1.2.4.50"
    assert web.get(url, HTTP_ACCEPT=refused).status_code == 406


def test_what_holds_none_is_404_and_rights_come_first(web, browser, outsider, project):
    ds = make_dataset(StudyInstanceUID="1.2.9")
    del ds.PixelData
    (instance,) = store_datasets(ds, project=project)

    for path in ("/pixeldata", "/bulkdata"):
        absent = web.get(url_of(instance, path))
        forbidden = browser(outsider).get(url_of(instance, path))
        assert absent.status_code == forbidden.status_code == 404
    assert web.get("/dicom-web/studies/1.2.9/pixeldata", HTTP_ACCEPT="text/html").status_code == 406
