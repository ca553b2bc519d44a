"""CT series and a chest phantom with known volumes."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.builders.datasets import make_dataset

AIR_HU, LUNG_HU, SOFT_HU, BONE_HU = -1000, -800, 40, 600


def make_ct_series(
    hu_zyx, *, spacing_zyx=(2.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), **attrs
) -> list[Dataset]:
    """Return one axial CT instance a slice of a (slices, rows, columns) array in HU."""
    shared = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "SliceThickness": spacing_zyx[0],
        "PixelSpacing": list(spacing_zyx[1:]),
        "PatientName": "Doe^Jane",
        "ReferringPhysicianName": "",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    } | attrs
    return [
        make_dataset(
            **shared,
            Rows=plane.shape[0],
            Columns=plane.shape[1],
            InstanceNumber=index + 1,
            ImagePositionPatient=[origin[0], origin[1], origin[2] + index * spacing_zyx[0]],
            PixelData=(np.asarray(plane) + 1024).astype("<i2").tobytes(),
        )
        for index, plane in enumerate(np.asarray(hu_zyx))
    ]


def chest_phantom(*, is_joined=False, has_table=False):
    """Return a chest in HU, (60, 140, 160) at 2.5 mm, with two lungs, a spine and air around.

    With `is_joined` an airway joins the lungs; with `has_table` there is a table under the back.
    """
    z, y, x = np.mgrid[0:60, 0:140, 0:160]
    hu = np.full(z.shape, AIR_HU, dtype=np.int16)
    hu[((y - 65) / 48) ** 2 + ((x - 80) / 70) ** 2 < 1] = SOFT_HU
    for centre in (48, 112):
        hu[((y - 60) / 30) ** 2 + ((x - centre) / 22) ** 2 + ((z - 28) / 26) ** 2 < 1] = LUNG_HU
    if is_joined:
        hu[(abs(y - 60) < 3) & (abs(x - 80) < 3) & (z > 28)] = AIR_HU
        hu[(abs(y - 60) < 3) & (abs(x - 80) < 30) & (abs(z - 28) < 3)] = AIR_HU
    hu[((y - 98) / 7) ** 2 + ((x - 80) / 7) ** 2 < 1] = BONE_HU
    if has_table:
        hu[:, 118:122, 20:140] = 100
    return hu
