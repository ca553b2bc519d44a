"""What each resource gives for each Accept: PS3.18 8.7.4, 8.7.5 and 8.7.8 as a table."""

from __future__ import annotations

import pytest
from pydicom.encaps import encapsulate

from archive.dicom.encoding import FrameShape, encode_frame
from tests.archive.dicomweb.views.test_retrieving import url_of
from tests.builders.datasets import make_dataset
from tests.builders.reports import content_item, make_report
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
RLE, JLS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"
J2K, HTJ2K, BASELINE = (f"1.2.840.10008.1.2.4.{number}" for number in ("90", "201", "50"))


def parts(inner, syntax="", q=""):
    text = f'multipart/related; type="{inner}"'
    text += f"; transfer-syntax={syntax}" if syntax else ""
    return text + (f"; q={q}" if q else "")


DICOM, OCTETS, XML = "application/dicom", "application/octet-stream", "application/dicom+xml"
JSON = "application/dicom+json"
# resource of an uncompressed image, Accept -> media type of the parts, transfer syntax; or 406
PLAIN_CASES = [
    ("", None, (DICOM, EXPLICIT)),
    ("", "*/*", (DICOM, EXPLICIT)),
    ("", "multipart/related", (DICOM, EXPLICIT)),
    ("", "multipart/*", (DICOM, EXPLICIT)),
    ("", parts(DICOM), (DICOM, EXPLICIT)),
    ("", parts(DICOM, "*"), (DICOM, EXPLICIT)),
    ("", parts(DICOM, EXPLICIT), (DICOM, EXPLICIT)),
    ("", parts(DICOM, RLE), (DICOM, RLE)),
    ("", parts(DICOM, JLS), (DICOM, JLS)),
    ("", parts(DICOM, J2K), (DICOM, J2K)),
    ("", parts(DICOM, HTJ2K), (DICOM, HTJ2K)),
    ("", f"{parts(DICOM, J2K, '0.5')}, {parts(DICOM, JLS, '0.9')}", (DICOM, JLS)),
    ("", f"{parts(DICOM, BASELINE)}, {parts(DICOM, RLE)}", (DICOM, RLE)),
    ("", parts(DICOM, BASELINE), 406),
    ("", parts(DICOM, IMPLICIT), 406),
    ("", parts(OCTETS), 406),
    ("", "application/dicom", (DICOM, EXPLICIT)),
    ("", "application/dicom; transfer-syntax=" + J2K, (DICOM, J2K)),
    ("", f"application/dicom; q=0.1, {parts(DICOM, q='0.2')}", (DICOM, EXPLICIT)),
    ("", "image/jpeg", 406),
    ("", f"{parts(DICOM)}; q=0", 406),
    ("/frames/1", None, (OCTETS, EXPLICIT)),
    ("/frames/1", "*/*", (OCTETS, EXPLICIT)),
    ("/frames/1", OCTETS, (OCTETS, EXPLICIT)),
    ("/frames/1", parts(OCTETS, "*"), (OCTETS, EXPLICIT)),
    ("/frames/1", parts(OCTETS, J2K), (OCTETS, J2K)),
    ("/frames/1", parts("image/jp2"), ("image/jp2", J2K)),
    ("/frames/1", parts("image/jls"), ("image/jls", JLS)),
    ("/frames/1", parts("image/jphc", HTJ2K), ("image/jphc", HTJ2K)),
    ("/frames/1", parts("image/dicom-rle"), ("image/dicom-rle", RLE)),
    ("/frames/1", f"{parts('image/jpeg')}, {parts('image/jls', q='0.5')}", ("image/jls", JLS)),
    ("/frames/1", f"{parts('image/jls', q='0.5')}, {parts(OCTETS, q='0.6')}", (OCTETS, EXPLICIT)),
    ("/frames/1", parts("image/jpeg"), 406),
    ("/frames/1", parts("image/jls", J2K), 406),
    ("/frames/1", parts(OCTETS, BASELINE), 406),
    ("/frames/1", "image/png", 406),
    ("/bulkdata/7FE00010", parts(OCTETS), (OCTETS, "")),
    ("/bulkdata/7FE00010", OCTETS, (OCTETS, "")),
    ("/bulkdata/7FE00010", "image/jpeg", 406),
    ("/pixeldata", "*/*", (OCTETS, "")),
    ("/pixeldata", parts("image/png"), 406),
    ("/metadata", None, (JSON, "")),
    ("/metadata", "*/*", (JSON, "")),
    ("/metadata", "application/json", ("application/json", "")),
    ("/metadata", "application/*", (JSON, "")),
    ("/metadata", parts(XML), (XML, "")),
    ("/metadata", f"{JSON}; q=0.2, {parts(XML, q='0.3')}", (XML, "")),
    ("/metadata", f"{JSON}; q=0, */*", ("application/json", "")),
    ("/metadata", "application/dicom+xml", 406),
    ("/metadata", "text/html", 406),
    ("/rendered", None, ("image/jpeg", "")),
    ("/rendered", "*/*", ("image/jpeg", "")),
    ("/rendered", "image/*", ("image/jpeg", "")),
    ("/rendered", "image/png", ("image/png", "")),
    ("/rendered", "image/gif", ("image/gif", "")),
    ("/rendered", "image/webp, image/png;q=0.4, image/gif;q=0.3", ("image/png", "")),
    ("/rendered", "image/*;q=0.5, image/jpeg;q=0", ("image/png", "")),
    ("/rendered", "text/html", 406),
    ("/rendered", parts("image/jpeg"), 406),
    ("/frames/1/rendered", "image/png", ("image/png", "")),
    ("/frames/1,2/rendered", parts("image/png"), ("image/png", "")),
    ("/frames/1,2/rendered", "image/png", 406),
    ("/thumbnail", "*/*", ("image/jpeg", "")),
    ("/thumbnail", "image/png", ("image/png", "")),
    ("/thumbnail", DICOM, 406),
]
COMPRESSED_CASES = [
    ("", None, (DICOM, EXPLICIT)),
    ("", parts(DICOM, "*"), (DICOM, JLS)),
    ("", parts(DICOM, JLS), (DICOM, JLS)),
    ("", parts(DICOM, RLE), (DICOM, RLE)),
    ("", f"{parts(DICOM, RLE)}, {parts(DICOM, JLS, '0.1')}", (DICOM, JLS)),
    ("/frames/1", None, (OCTETS, EXPLICIT)),
    ("/frames/1", parts(OCTETS, "*"), (OCTETS, JLS)),
    ("/frames/1", parts("image/jls"), ("image/jls", JLS)),
    ("/frames/1", parts("image/*"), ("image/jls", JLS)),
    ("/frames/1", parts("image/jp2"), ("image/jp2", J2K)),
    ("/frames/1", parts("image/jls", "*"), ("image/jls", JLS)),
    ("/bulkdata/7FE00010", parts("image/jls"), ("image/jls", JLS)),
]
REPORT_CASES = [
    ("", parts(DICOM, J2K), (DICOM, EXPLICIT)),
    ("/rendered", None, ("text/html; charset=utf-8", "")),
    ("/rendered", "text/*", ("text/html; charset=utf-8", "")),
    ("/rendered", "text/plain", ("text/plain; charset=utf-8", "")),
    ("/rendered", "text/xml", ("text/xml; charset=utf-8", "")),
    ("/rendered", "image/jpeg", 406),
    ("/frames/1/rendered", "*/*", 406),
]


@pytest.fixture
def plain(project):
    ds = make_dataset(Rows=64, Columns=64, NumberOfFrames=2)
    ds.PixelData = bytes(64 * 64 * 2 * 2)
    return store_datasets(ds, project=project)[0]


@pytest.fixture
def compressed(project):
    ds = make_dataset(transfer_syntax=JLS, Rows=64, Columns=64)
    import numpy as np

    samples = np.zeros((64, 64), np.uint16)
    frame = encode_frame(samples, FrameShape(int(ds.BitsStored), "MONOCHROME2"), JLS)
    ds.PixelData = encapsulate([frame.content])
    ds["PixelData"].is_undefined_length = True
    return store_datasets(ds, project=project)[0]


@pytest.fixture
def report(project):
    return store_datasets(make_report([content_item("TEXT", "ok")]), project=project)[0]


def check(web, instance, suffix, accept, expected):
    by_header = {} if accept is None else {"HTTP_ACCEPT": accept}
    answers = [web.get(url_of(instance, suffix), **by_header)]
    if accept is not None:
        # The query key says the same, whatever the header says.
        url = url_of(instance, suffix)
        answers.append(web.get(url, {"accept": accept}, HTTP_ACCEPT="x/y"))
    for answer in answers:
        if expected == 406:
            assert answer.status_code == 406
        else:
            assert answer.status_code == 200, answer.content
            assert _described(answer) == expected


def _described(answer):
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    said = answer["Content-Type"]
    if said.startswith("multipart/"):
        head = content.partition(b"\r\n\r\n")[0].decode()
        said = head.partition("Content-Type: ")[2].partition("\r\n")[0]
    media_type, _, syntax = said.partition("; transfer-syntax=")
    return media_type, syntax


@pytest.mark.parametrize(("suffix", "accept", "expected"), PLAIN_CASES)
def test_uncompressed_images(web, plain, suffix, accept, expected):
    check(web, plain, suffix, accept, expected)


@pytest.mark.parametrize(("suffix", "accept", "expected"), COMPRESSED_CASES)
def test_compressed_images(web, compressed, suffix, accept, expected):
    check(web, compressed, suffix, accept, expected)


@pytest.mark.parametrize(("suffix", "accept", "expected"), REPORT_CASES)
def test_reports(web, report, suffix, accept, expected):
    check(web, report, suffix, accept, expected)
