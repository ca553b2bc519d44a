"""Pages of a PDF as pictures and text, made in a child process with limits.

What a document holds beside its looks (scripts, forms, links, files) never reaches a browser.
"""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archive.dicom.process_limits import read_message, write_message
from archive.dicom.rendering import encode_image
from archive.errors import LimitExceededError, NotAcceptableError

MAX_PDF_BYTES = 64 * 1024 * 1024
# Wall-clock time, on a machine that may be busy; the child's own limit counts its CPU time.
JOB_SECONDS = 120.0
_TEXTS = 50


@dataclass(frozen=True)
class PdfFacts:
    """How many pages a document has, and what the first of them say."""

    pages: int
    texts: tuple[str, ...]


def pdf_facts(content: bytes) -> PdfFacts:
    """Tell what a document holds.

    Parameters
    ----------
    content : the document

    Returns
    -------
    PdfFacts

    Raises
    ------
    NotAcceptableError
        It can't be opened, or takes too much time or memory.
    LimitExceededError
        It is larger than `MAX_PDF_BYTES`.
    """
    said, _ = _asked({"texts": _TEXTS}, content)
    return PdfFacts(int(said["pages"]), tuple(str(text) for text in said["texts"]))


def pdf_page(content: bytes, page: int, width: int) -> bytes:
    """Draw a page.

    Parameters
    ----------
    content : the document
    page : from 1
    width : in pixels

    Returns
    -------
    PNG

    Raises
    ------
    NotAcceptableError, LimitExceededError
        As for `pdf_facts`, or there is no such page.
    """
    said, samples = _asked({"page": page - 1, "width": width}, content)
    return encode_image(np.frombuffer(samples, np.uint8).reshape(said["shape"]), "png")


def _asked(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    if len(content) > MAX_PDF_BYTES:
        raise LimitExceededError("The document is too large to be shown; download it.")
    question = io.BytesIO()
    write_message(question, request, content)
    try:
        done = subprocess.run(
            [sys.executable, "-E", "-s", "-m", "archive.dicom.pdf_process"],
            input=question.getvalue(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            timeout=JOB_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused("The document takes too much time.") from error
    message = read_message(io.BytesIO(done.stdout))
    if message is None:
        raise _refused("The document takes too much memory, or is made to harm.")
    said, samples = message
    if "error" in said:
        raise _refused(said["error"])
    return said, samples


def _refused(why: str) -> NotAcceptableError:
    return NotAcceptableError(why, code="not-renderable")
