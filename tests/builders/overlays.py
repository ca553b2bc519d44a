"""What is drawn over images and read beside them: segmentations, a map, a report, a PDF."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, RTStructureSetStorage, generate_uid

from inference.results.heatmap import build_heatmap
from inference.results.seg import build_seg
from inference.results.types import Algorithm, ResultIdentity, SegmentationType
from tests.builders.datasets import make_dataset
from tests.builders.reports import content_item, make_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


ALGORITHM = Algorithm("tester", "1", "0" * 64)
_CATEGORY = ("123037004", "SCT", "Anatomical Structure")


class _Segment:
    """One structure of a label map."""

    category = _CATEGORY

    def __init__(self, number: int, label: str, code: tuple[str, str, str]) -> None:
        self.number, self.label, self.property_type = number, label, code
        self.values = (number,)


SEGMENTS = (
    _Segment(1, "Lung", ("39607008", "SCT", "Lung")),
    _Segment(2, "Bone", ("272673000", "SCT", "Bone")),
)


def identity(description: str, number: int = 900) -> ResultIdentity:
    """Return new UIDs for a result."""
    return ResultIdentity(
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        timestamp=datetime(2025, 6, 1, tzinfo=UTC),
        series_number=number,
        series_description=description,
    )


def make_segmentation(
    images: Sequence[Dataset],
    mask_zyx: npt.NDArray[np.uint8],
    kind: SegmentationType = SegmentationType.BINARY,
) -> Dataset:
    """Return a SEG of lung (1) and bone (2)."""
    return build_seg(
        source_datasets=images,
        mask_zyx=mask_zyx,
        segments=SEGMENTS,
        algorithm=ALGORITHM,
        identity=identity("Organs"),
        segmentation_type=kind,
    )


def make_map(images: Sequence[Dataset], heat_zyx: npt.NDArray[np.float32]) -> Dataset:
    """Return a parametric map."""
    pictures = [np.zeros(heat.shape, np.uint8) for heat in heat_zyx]
    return build_heatmap(
        source_datasets=images,
        pictures=pictures,
        heat_zyx=heat_zyx,
        meaning="why lung",
        algorithm=ALGORITHM,
        identity=identity("Heat", 901),
    )


def make_text_report(image: Dataset, text: str, **attrs: Any) -> Dataset:
    """Return a structured report of the same study."""
    return make_report([content_item("TEXT", text)], **_beside(image), **attrs)


def make_pdf(image: Dataset, *words: str) -> Dataset:
    """Return an encapsulated PDF of the same study, with a page for each text."""
    content = pdf_bytes(*words)
    ds = make_dataset(Rows=None, Columns=None, Modality="DOC", PixelData=None, **_beside(image))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    ds.MIMETypeOfEncapsulatedDocument, ds.DocumentTitle = "application/pdf", "Letter"
    ds.BurnedInAnnotation, ds.SeriesDescription = "YES", "Letter"
    ds.EncapsulatedDocumentLength = len(content)
    ds.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def pdf_bytes(*words: str) -> bytes:
    """Return a PDF with a page for each text."""
    parts: list[bytes] = []
    pages = len(words)
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(pages))
    parts.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    parts.append(f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode())
    parts.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for at, text in enumerate(words):
        stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
        parts.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * at} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        parts.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, part in enumerate(parts, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, part))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1))
    for place in places:
        out.write(b"%010d 00000 n \n" % place)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    out.write(tail % (len(parts) + 1, start))
    return out.getvalue()


def _beside(image: Dataset) -> dict[str, Any]:
    """Return what ties an object to the study of an image."""
    return {
        "StudyInstanceUID": image.StudyInstanceUID,
        "PatientID": image.PatientID,
        "PatientName": str(image.PatientName),
        "PatientBirthDate": image.get("PatientBirthDate", ""),
        "PatientSex": image.get("PatientSex", ""),
        "SeriesInstanceUID": generate_uid(),
        "SOPInstanceUID": generate_uid(),
    }


def make_structures(images: Sequence[Dataset], name: str = "Target") -> Dataset:
    """Return an RTSTRUCT with one square on each image."""
    ds = make_dataset(
        Rows=None, Columns=None, Modality="RTSTRUCT", PixelData=None, **_beside(images[0])
    )
    for keyword in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        if keyword in ds:
            delattr(ds, keyword)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StructureSetLabel, ds.SeriesDescription = name, "Structures"
    ds.StructureSetDate, ds.StructureSetTime = "20260301", "120000"
    frame = str(images[0].FrameOfReferenceUID)
    contour_images = [
        _item(
            ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
        )
        for image in images
    ]
    series = _item(
        SeriesInstanceUID=images[0].SeriesInstanceUID, ContourImageSequence=contour_images
    )
    study = _item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=images[0].StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    ds.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])
    ]
    ds.StructureSetROISequence = [
        _item(
            ROINumber=1, ReferencedFrameOfReferenceUID=frame, ROIName=name,
            ROIGenerationAlgorithm="MANUAL",
        )
    ]  # fmt: skip
    ds.ROIContourSequence = [
        _item(
            ROIDisplayColor=[255, 60, 60],
            ReferencedROINumber=1,
            ContourSequence=[_square(image) for image in images],
        )
    ]
    ds.RTROIObservationsSequence = [
        _item(
            ObservationNumber=1,
            ReferencedROINumber=1,
            RTROIInterpretedType="GTV",
            ROIInterpreter="",
        )
    ]
    return ds


def _square(image: Dataset) -> Dataset:
    x, y, z = (float(value) for value in image.ImagePositionPatient)
    step = float(image.PixelSpacing[0])
    wide, high = step * int(image.Columns), step * int(image.Rows)
    corners = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)]
    points = [value for cx, cy in corners for value in (x + cx * wide, y + cy * high, z)]
    reference = _item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )
    return _item(
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=4,
        ContourImageSequence=[reference],
        ContourData=[f"{value:.3f}" for value in points],
    )


def _item(**attrs: Any) -> Dataset:

    made = Dataset()
    for keyword, value in attrs.items():
        setattr(made, keyword, value)
    return made
