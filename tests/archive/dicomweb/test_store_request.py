from __future__ import annotations

from io import BytesIO

import pytest
from django.test import RequestFactory

from archive.dicomweb.store_request import deliver_body
from archive.errors import InvalidRequestError, LimitExceededError
from tests.builders.multipart import BOUNDARY, DICOM_MULTIPART, related


def request(body, content_type=DICOM_MULTIPART, **meta):
    return RequestFactory().generic(
        "POST", "/", body, content_type, **{"CONTENT_TYPE": content_type, **meta}
    )


class Delivery:
    """What is handed over, by name."""

    def __init__(self):
        self.taken = []

    def take(self, name, chunks):
        self.taken.append((name, b"".join(chunks)))


def parts(sent):
    delivery = Delivery()
    deliver_body(sent, delivery)
    return delivery.taken


def test_parts_are_numbered_where_they_have_no_name():
    named = (
        f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\nContent-Location: urn:x\r\n\r\n1\r\n"
        f"--{BOUNDARY}\r\n\r\n2\r\n--{BOUNDARY}--"
    ).encode()

    assert parts(request(named)) == [("urn:x", b"1"), ("part 2", b"2")]


def test_a_single_instance_is_the_whole_body():
    assert parts(request(b"DICM", "application/dicom")) == [("part 1", b"DICM")]


def test_octet_streams_are_looked_at_too():
    assert parts(request(related([b"x"], part_type="application/octet-stream")))


@pytest.mark.parametrize(
    ("content_type", "meta"),
    [
        ("text/html", {}),
        ('multipart/related; type="application/pdf"; boundary=a', {}),
        (DICOM_MULTIPART, {"HTTP_CONTENT_ENCODING": "deflate"}),
    ],
)
def test_other_kinds_are_named_unsupported(content_type, meta):
    with pytest.raises(InvalidRequestError) as caught:
        parts(request(b"x", content_type, **meta))
    assert caught.value.code == "unsupported-media-type"


def test_the_announced_and_the_real_size_are_bounded(settings):
    settings.TWINSIGHT_MAX_UPLOAD_BYTES = 100
    body = related([b"x" * 200])

    with pytest.raises(LimitExceededError):
        parts(request(body))
    chunked = {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
    }
    with pytest.raises(LimitExceededError):
        parts(request(b"", **chunked))


def test_a_broken_connection_is_the_senders_matter():
    class Broken:
        def read(self, *_size):
            raise OSError("reset")

    sent = request(b"x" * 10)
    sent.META.update(
        {
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": Broken(),
            "wsgi.input_terminated": True,
        }
    )

    with pytest.raises(InvalidRequestError) as caught:
        parts(sent)
    assert caught.value.code == "truncated-body"
