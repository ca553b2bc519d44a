"""Text in the corners of a picture: whose it is, and how it was made."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

Picture = npt.NDArray[np.uint8]
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_TECHNIQUE = ("Modality", "StudyDate", "SeriesDescription", "SeriesNumber", "InstanceNumber")
# The lines' height as a share of the picture's, and how small they get at most.
_SHARE, _LEAST = 36, 9
_MAX_LENGTH = 40
_WHITE = 255


def annotated(picture: Picture, ds: Dataset, *, patient: bool, technique: bool) -> Picture:
    """Write what a data set says onto its picture.

    Parameters
    ----------
    picture : (rows, columns) or (rows, columns, 3) uint8
    ds : its data set
    patient : name, ID, birth date and sex, on the left
    technique : modality, date, series and number, on the right

    Returns
    -------
    A picture of the same shape

    References
    ----------
    DICOM PS3.18 8.3.5.1.1
    """
    image = Image.fromarray(np.ascontiguousarray(picture))
    draw = ImageDraw.Draw(image)
    size = max(picture.shape[0] // _SHARE, _LEAST)
    font = ImageFont.load_default(size)
    for is_wanted, keywords, anchor in ((patient, _PATIENT, "la"), (technique, _TECHNIQUE, "ra")):
        side = 2 if anchor == "la" else picture.shape[1] - 2
        lines = _lines(ds, keywords) if is_wanted else []
        for number, line in enumerate(lines):
            place = (side, 2 + number * (size + 2))
            white, black = (_WHITE, 0) if image.mode == "L" else ((_WHITE,) * 3, (0,) * 3)
            draw.text(
                place, line, fill=white, font=font, anchor=anchor, stroke_width=1, stroke_fill=black
            )
    return np.asarray(image, dtype=np.uint8)


def _lines(ds: Dataset, keywords: tuple[str, ...]) -> list[str]:
    texts = (str(ds.get(keyword) or "").strip() for keyword in keywords)
    # Control characters would be drawn as boxes or break the line.
    shown = ("".join(char if char.isprintable() else " " for char in text) for text in texts)
    return [text[:_MAX_LENGTH] for text in shown if text]
