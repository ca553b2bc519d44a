"""NIfTI files as the volumes that the pipelines take."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from inference.pipelines.types import Volume


def read_head(path: Path) -> Volume:
    """Read a NIfTI image in axial LPS order.

    Parameters
    ----------
    path : an image whose axes run along the patient's

    Returns
    -------
    Volume
        without source instances
    """
    # nibabel's functions have no annotations.
    canonical: Any = nibabel.as_closest_canonical
    image = canonical(nibabel.load(path))
    # RAS to LPS: first two axes backwards, their origin at the other end.
    array = np.asarray(image.dataobj, dtype=np.float32)[::-1, ::-1]
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3, 3] += affine[:3, 0] * (array.shape[0] - 1) + affine[:3, 1] * (array.shape[1] - 1)
    affine[:3, :2] *= -1
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    return Volume(
        array_zyx=np.ascontiguousarray(array.transpose(2, 1, 0)),
        affine_lps=affine,
        spacing_mm_zyx=(float(sides[2]), float(sides[1]), float(sides[0])),
        datasets=[],
        frame_order=tuple(range(array.shape[2])),
        modality="MR",
    )
