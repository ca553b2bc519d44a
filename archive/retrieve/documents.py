"""What holds no pictures, for people: structured reports as text, encapsulated documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.native_xml import json_to_xml
from archive.dicom.report_text import report_as_html, report_as_text
from archive.errors import ArchiveError, NotAcceptableError
from archive.retrieve.datasets import load_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom.dataset import Dataset

    from archive.models import Instance

HTML, PLAIN, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def document_types(instance: Instance) -> tuple[str, ...]:
    """Return the media types that an object can be shown in, the best first; often none.

    Parameters
    ----------
    instance
        an object without pictures

    References
    ----------
    DICOM PS3.18 8.7.4
    """
    if instance.sop_class_uid.startswith(_REPORTS):
        return (HTML, PLAIN, XML)
    return (PDF,) if instance.sop_class_uid == _ENCAPSULATED_PDF else ()


def rendered_document(instance: Instance, media_type: str) -> bytes:
    """Return an object as a document.

    Parameters
    ----------
    instance
        whose rights were checked by the caller
    media_type
        one of its `document_types`

    Raises
    ------
    NotAcceptableError
        What it holds can't be shown so.
    """
    ds = load_dataset(instance)
    try:
        return _MAKERS[media_type](ds)
    except ArchiveError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        raise NotAcceptableError(
            gettext("The document can't be shown."), code="not-renderable"
        ) from error


def _pdf(ds: Dataset) -> bytes:
    content = ds.get("EncapsulatedDocument")
    length = ds.get("EncapsulatedDocumentLength")
    if not isinstance(content, bytes) or not content.startswith(b"%PDF"):
        raise NotAcceptableError(gettext("The object holds no PDF."), code="not-renderable")
    return content[: int(length)] if length else content


def _xml(ds: Dataset) -> bytes:
    return json_to_xml(dataset_to_json(ds, bulk_data_uri=lambda path: path))


_MAKERS: dict[str, Callable[[Dataset], bytes]] = {
    HTML: lambda ds: report_as_html(ds).encode("utf-8", "replace"),
    PLAIN: lambda ds: report_as_text(ds).encode("utf-8", "replace"),
    XML: _xml,
    PDF: _pdf,
}
