"""Reports and documents of a series, to be read on a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.dicom.pdf_pages import pdf_facts, pdf_page
from archive.dicom.report_text import header_lines, report_lines
from archive.errors import ArchiveError, NotAcceptableError
from archive.retrieve.datasets import load_dataset, served_mark
from archive.retrieve.documents import HTML, PDF, document_types, rendered_document
from archive.retrieve.image_cache import cached_picture
from archive.retrieve.selectors import visible_instance, visible_instances

if TYPE_CHECKING:
    from archive.dicom.report_text import Line
    from archive.models import Instance
    from archive.models.querysets import AnyUser

MAX_DOCUMENTS = 50
MAX_REPORT_LINES = 1500
PAGE_WIDTH = 1240
_DATE = re.compile(r"\d{8}")
_BROKEN = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError)


@dataclass(frozen=True)
class ReadDocument:
    """One object as it is read: lines of a report, or pages with their texts; or why not."""

    instance_uid: str
    head: list[tuple[str, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    # Identifiers and other objects that it refers to: for who looks for them.
    references: list[Line] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    is_cut: bool = False
    problem: str = ""


def documents_of_series(user: AnyUser, study_uid: str, series_uid: str) -> list[ReadDocument]:
    """Return what can be read of a series: at most `MAX_DOCUMENTS` objects.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid
        the path to it

    Raises
    ------
    NotVisibleError
        There is no such series in the user's rights.
    """
    found = visible_instances(user, study_instance_uid=study_uid, series_instance_uid=series_uid)
    return [_read(instance) for instance in found[:MAX_DOCUMENTS]]


def document_page(
    user: AnyUser, study_uid: str, series_uid: str, instance_uid: str, page: int
) -> bytes:
    """Return a page of an encapsulated document as PNG.

    Parameters
    ----------
    user
        the asker
    study_uid, series_uid, instance_uid
        the path to it
    page
        from 1

    Raises
    ------
    NotVisibleError
        There is no such object in the user's rights.
    NotAcceptableError
        It is no PDF, can't be opened, or has no such page.
    """
    instance = visible_instance(user, study_uid, series_uid, instance_uid)
    if PDF not in document_types(instance):
        raise NotAcceptableError(gettext("The object holds no PDF."), code="not-renderable")
    key = f"page:{instance.blob.sha256}{served_mark(instance)}:{page}:{PAGE_WIDTH}"
    return cached_picture(key, lambda: pdf_page(_pdf(instance), page, PAGE_WIDTH))


def _pdf(instance: Instance) -> bytes:
    return rendered_document(instance, PDF)


def _read(instance: Instance) -> ReadDocument:
    uid = instance.sop_instance_uid
    types = document_types(instance)
    try:
        if HTML in types:
            return _report(instance)
        if PDF in types:
            facts = pdf_facts(_pdf(instance))
            texts = [*facts.texts, *[""] * facts.pages][: facts.pages]
            return ReadDocument(uid, texts=texts)
    except ArchiveError as error:
        return ReadDocument(uid, problem=error.message)
    except _BROKEN:
        return ReadDocument(uid, problem="The report is not built as the standard says.")
    return ReadDocument(uid, problem="This kind of object is not read as text.")


def _report(instance: Instance) -> ReadDocument:
    ds = load_dataset(instance)
    lines = report_lines(ds)
    shown = lines[:MAX_REPORT_LINES]
    return ReadDocument(
        instance.sop_instance_uid,
        head=[(name, _plain(value)) for name, value in header_lines(ds)],
        lines=[line for line in shown if not line.is_reference],
        references=[line for line in shown if line.is_reference],
        is_cut=len(lines) > MAX_REPORT_LINES,
    )


def _plain(value: str) -> str:
    """Return a date or a name of the header as people write it."""
    if _DATE.fullmatch(value):
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    return " ".join(value.replace("^", " ").replace("=", " ").split())
