import io
import os

import numpy as np
import pytest
from PIL import Image

from archive.dicom import pdf_pages
from archive.dicom.pdf_pages import pdf_facts, pdf_page
from archive.errors import LimitExceededError, NotAcceptableError
from tests.builders.overlays import pdf_bytes


def test_pages_are_drawn_and_their_text_told():
    content = pdf_bytes("First words", "Second")

    facts = pdf_facts(content)
    assert facts.pages == 2
    assert facts.texts[0].strip() == "First words"
    with Image.open(io.BytesIO(pdf_page(content, 2, 600))) as picture:
        assert picture.width == 600
        assert np.asarray(picture.convert("L")).min() < 100


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 broken", b"GIF89a", os.urandom(2000)])
def test_what_is_no_document_is_said(content):
    with pytest.raises(NotAcceptableError):
        pdf_facts(content)


def test_pages_beyond_the_end_and_giants_are_refused(monkeypatch):
    content = pdf_bytes("One")
    for page in (0, 2):
        with pytest.raises(NotAcceptableError):
            pdf_page(content, page, 600)
    monkeypatch.setattr(pdf_pages, "MAX_PDF_BYTES", 10)
    with pytest.raises(LimitExceededError):
        pdf_facts(content)


def test_a_child_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(pdf_pages, "JOB_SECONDS", 0.001)
    with pytest.raises(NotAcceptableError, match="too much time"):
        pdf_facts(pdf_bytes("One"))
