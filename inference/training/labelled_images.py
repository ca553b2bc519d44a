"""A folder of labelled images, as ``labels.csv`` lists it."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference.errors import UnsupportedInputError

_COLUMNS = ("file", "label", "modality", "body_part", "patient", "licence", "source")
# Radiographs on plates and on detectors look the same in these images.
_ONE_KIND = {"CR": "DX"}


@dataclass(frozen=True)
class LabelledImage:
    """One row of the list.

    Attributes
    ----------
    path : the image file
    label : class, such as a finding
    modality, body_part : DICOM defined terms
    patient : identifier in the source; the file's own name where the source has none
    licence, source : as the list states them
    group : which images belong together, such as all of the chest; may be empty
    """

    path: Path
    label: str
    modality: str
    body_part: str
    patient: str
    licence: str
    source: str
    group: str = ""

    @property
    def pair(self) -> str:
        """Modality and body part as one class."""
        return f"{_ONE_KIND.get(self.modality, self.modality)}/{self.body_part}"

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the image as (rows, columns) uint8."""
        with Image.open(self.path) as picture:
            return np.asarray(picture.convert("L"))


def read_labelled_images(data_dir: Path) -> list[LabelledImage]:
    """Read the list of a folder; raise UnsupportedInputError where there is none."""
    path = data_dir / "labels.csv"
    if not path.is_file():
        raise UnsupportedInputError(f"{data_dir} has no labels.csv.")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or any(column not in rows[0] for column in _COLUMNS):
        raise UnsupportedInputError(f"labels.csv needs rows and the columns {', '.join(_COLUMNS)}.")
    return [
        LabelledImage(
            path=data_dir / row["file"],
            label=row["label"],
            modality=row["modality"],
            body_part=row["body_part"],
            patient=row["patient"] or row["file"],
            licence=row["licence"],
            source=row["source"],
            group=row.get("group") or "",
        )
        for row in rows
    ]
