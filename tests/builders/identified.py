"""Images that name a patient wherever a patient may be named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders.datasets import make_dataset

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NAME, NUMBER = "Zwetschge^Ottilie", "MRN-4711-X"
WORDS = ("Zwetschge", "Ottilie", NUMBER, "Knecht", "Ruprecht", "20240229")


def make_identified(**more: Any) -> Dataset:
    """Return a slice of a CT, as scanners make it, of one patient."""
    values = {
        "PatientName": NAME,
        "PatientID": NUMBER,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "StudyDescription": "Thorax of Zwetschge",
        "ReferringPhysicianName": "Knecht^Ruprecht",
    }
    return make_dataset(**{**values, **more})


def make_report_beside(image: Dataset) -> Dataset:
    """Return a report in the study of an image."""
    return make_identified(
        StudyInstanceUID=image.StudyInstanceUID,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11",
        Modality="SR",
        Rows=None,
        PixelData=None,
    )
