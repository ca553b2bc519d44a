"""A picture to search by stays in memory."""

import io
import tempfile

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.test import RequestFactory

from inference.portal import uploads
from inference.portal.uploads import keep_in_memory

BIG = 4 * 1024 * 1024  # more than what Django keeps in memory by itself


def _request():
    picture = io.BytesIO(b"x" * BIG)
    picture.name = "picture.png"
    return RequestFactory().post("/similar/picture/", {"image": picture})


def test_big_picture_never_touches_a_disk(monkeypatch):
    def refuse(*_args, **_kwargs):
        pytest.fail("a temporary file was opened")

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    request = _request()
    keep_in_memory(request)

    image = request.FILES["image"]

    assert isinstance(image, InMemoryUploadedFile)
    assert image.size == BIG


def test_body_beyond_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_IMAGE_BYTES", 1024)
    request = _request()
    keep_in_memory(request)

    with pytest.raises(RequestDataTooBig):
        _ = request.FILES
