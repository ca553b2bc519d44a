"""Memory does not grow with a request: hundreds of megabytes pass through a few."""

import json
import resource
from io import BytesIO

import pytest
from django.test import Client

from archive.dicom.dicom_json import dataset_to_json
from archive.models import Instance
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import BOUNDARY, DICOM_MULTIPART

pytestmark = pytest.mark.django_db

FRAMES, SIDE = 600, 512
PIXEL_BYTES = FRAMES * SIDE * SIDE * 2
MAX_GROWTH_KIB = 96 * 1024


class Generated:
    """A body that is made while it is read."""

    def __init__(self, head, filling, tail):
        self._parts = [BytesIO(head), filling, BytesIO(tail)]

    def read(self, size=-1):
        while self._parts:
            data = self._parts[0].read(size)
            if data:
                return data
            self._parts.pop(0)
        return b""

    readline = read


class Zeros:
    def __init__(self, left):
        self._left = left

    def read(self, size):
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def large():
    ds = make_dataset(NumberOfFrames=FRAMES, Rows=SIDE, Columns=SIDE)
    ds.PixelData = b"\1\2"
    return ds


def part10_body():
    ds = large()
    content = as_part10(ds)
    head, length = content[:-6], PIXEL_BYTES.to_bytes(4, "little")
    start = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return start + head + length, f"\r\n--{BOUNDARY}--\r\n".encode(), DICOM_MULTIPART


def metadata_body():
    document = dataset_to_json(large(), bulk_data_uri=lambda _path: "urn:pixels")
    head = (
        f"--{BOUNDARY}\r\nContent-Type: application/dicom+json\r\n\r\n{json.dumps([document])}\r\n"
        f"--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\n"
        "Content-Location: urn:pixels\r\n\r\n"
    )
    kind = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'
    return head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode(), kind


@pytest.mark.slow
@pytest.mark.parametrize("body", [part10_body, metadata_body])
def test_three_hundred_megabytes_take_no_memory(radiologist, project, body):
    head, tail, content_type = body()
    client = Client()
    client.force_login(radiologist)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    response = client.generic(
        "POST",
        "/dicom-web/studies",
        b"",
        content_type,
        **{
            "CONTENT_LENGTH": "",
            "CONTENT_TYPE": content_type,
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": Generated(head, Zeros(PIXEL_BYTES), tail),
            "wsgi.input_terminated": True,
        },
    )

    assert response.status_code == 200, response.content
    instance = Instance.objects.select_related("blob").get()
    assert instance.blob.size_bytes > PIXEL_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB
