"""PDF documents as DICOM objects."""

from collections.abc import Iterable

from pydicom.sequence import Sequence

from archive.dicom.assembling import BulkValue
from archive.dicom.wrapping.subject import DOCUMENT, MadeObject, Place, Subject, new_object
from archive.errors import InvalidInstanceError

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_TAIL_BYTES = 2048


def check_pdf(head: bytes, tail: bytes) -> None:
    """Refuse what is no whole PDF.

    Parameters
    ----------
    head : its first bytes
    tail : its last 2048 bytes

    Raises
    ------
    InvalidInstanceError
        ``not-a-document``
    """
    if not head.startswith(b"%PDF-") or b"%%EOF" not in tail[-_TAIL_BYTES:]:
        message = "The PDF is cut off, or is none."
        raise InvalidInstanceError(message, code="not-a-document")


def wrap_pdf(
    size_bytes: int, chunks: Iterable[bytes], subject: Subject, place: Place, title: str = ""
) -> MadeObject:
    """Make an object of a PDF, byte for byte.

    Parameters
    ----------
    size_bytes, chunks : the document
    subject : patient and study
    place : series and instance; ``modality`` empty: DOC
    title : of the document

    Returns
    -------
    MadeObject with the document as a bulk value

    References
    ----------
    DICOM PS3.3 A.45.1, C.24.2
    """
    ds = new_object(subject, place, ENCAPSULATED_PDF)
    ds.Modality = place.modality or "DOC"
    ds.ConversionType = "WSD"
    ds.AcquisitionDateTime = ""
    ds.BurnedInAnnotation = "YES"
    ds.DocumentTitle = title
    ds.ConceptNameCodeSequence = Sequence([])
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocumentLength = size_bytes
    return MadeObject(ds, {DOCUMENT: ("OB", [BulkValue(size_bytes, chunks)])})
