from __future__ import annotations

from django.http import HttpResponse

from archive.dicomweb.renderers import (
    file_response,
    multipart_response,
)
from archive.retrieve.files import OutgoingFile
from tests.builders.multipart import content_of, parts_of

BASE = "https://x.example/dicom-web"


def test_multipart_is_whole_or_streamed_by_size():
    parts = [("application/dicom; transfer-syntax=1.2", [b"ab", b"cd"]), ("a/b", [])]

    small = multipart_response(parts, "application/dicom", size_bytes=4)
    large = multipart_response(iter(parts), "application/dicom")

    assert isinstance(small, HttpResponse)
    assert large.streaming
    expected = [("application/dicom; transfer-syntax=1.2", b"abcd"), ("a/b", b"")]
    assert parts_of(small) == parts_of(large) == expected
    assert large["X-Content-Type-Options"] == "nosniff"
    assert large["Cache-Control"] == "private, no-cache"


def test_a_file_is_an_attachment():
    response = file_response(OutgoingFile("1.2.840.10008.1.2.1", 2, iter([b"a", b"b"])), "1.2.3")

    assert content_of(response) == b"ab"
    assert response["Content-Disposition"] == 'attachment; filename="1.2.3.dcm"'
    assert response["Content-Type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"


def test_a_large_file_is_streamed_with_its_length():
    size = 9 * 1024 * 1024

    response = file_response(OutgoingFile("1.2", size, iter([bytes(size)])), "1.2.3")

    assert response.streaming
    assert response["Content-Length"] == str(size)
