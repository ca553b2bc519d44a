"""The ICBM152 head of the nilearn wheel, with room around it for an invented skull and neck."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from inference.errors import ModelUnavailableError

# Voxels (1 mm) added before and after each axis: left-right, back-front, down-up.
PADDING = ((28, 28), (28, 28), (56, 28))
_FARTHEST_MM = 100.0
_NAME = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, eq=False)
class Atlas:
    """Maps on one grid of 1 mm, axes right, anterior, superior.

    Attributes
    ----------
    t1, grey, white : (X, Y, Z) float32, 0 to 255
    depth_mm : (X, Y, Z) float32, distance from the brain's surface, negative outside
    origin_mm : MNI coordinates of the first voxel
    """

    t1: torch.Tensor
    grey: torch.Tensor
    white: torch.Tensor
    depth_mm: torch.Tensor
    origin_mm: tuple[float, float, float]


def atlas_file(kind: str) -> Path:
    """Return the path of a map of the installed nilearn wheel.

    Parameters
    ----------
    kind : ``t1``, ``gm`` or ``wm``

    Raises
    ------
    ModelUnavailableError
        nilearn is not installed.
    """
    spec = find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise ModelUnavailableError("Install nilearn: its wheel holds the ICBM152 maps.")
    return Path(spec.origin).parent / "datasets" / "data" / _NAME.format(kind)


def load_atlas() -> Atlas:
    """Read the maps and measure how deep in the brain each voxel lies."""
    t1, affine = _read("t1")
    grey, _ = _read("gm")
    white, _ = _read("wm")
    brain = ndimage.binary_fill_holes(ndimage.binary_closing(t1 > 0, iterations=2))
    depth = ndimage.distance_transform_edt(brain) - ndimage.distance_transform_edt(~brain)
    depth = np.clip(depth, -_FARTHEST_MM, _FARTHEST_MM).astype(np.float32)
    origin = affine[:3, 3] - np.array([pad[0] for pad in PADDING])
    return Atlas(
        t1=torch.from_numpy(t1),
        grey=torch.from_numpy(grey),
        white=torch.from_numpy(white),
        depth_mm=torch.from_numpy(depth),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _read(kind: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    # nibabel's functions have no annotations.
    canonical: Any = nibabel.as_closest_canonical
    image = canonical(nibabel.load(atlas_file(kind)))
    array = np.pad(np.asarray(image.dataobj, dtype=np.float32), PADDING)
    return array, np.asarray(image.affine, dtype=np.float64)
