"""Regular stacks of slices as NIfTI-1 files, written slice by slice."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archive.errors import NotAcceptableError

# Code and bits of what voxels are stored as (nifti1.h, DT_*).
DATA_TYPES = {"uint8": (2, 8), "int16": (4, 16), "uint16": (512, 16), "float32": (16, 32)}
_HEADER_BYTES, _DATA_OFFSET = 348, 352
_SCANNER = 1
_MILLIMETRES = 2
_MAX_EXTENT = 32767
_ORTHOGONAL = 1e-3
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class NiftiVolume:
    """What a file's header says.

    Attributes
    ----------
    shape : columns, rows, slices
    affine_lps : (4, 4) from (column, row, slice, 1) to LPS mm
    dtype : a key of `DATA_TYPES`
    slope, intercept : from stored to modality values
    description : at most 79 characters; nothing of a patient
    """

    shape: tuple[int, int, int]
    affine_lps: npt.NDArray[np.float64]
    dtype: str
    slope: float = 1.0
    intercept: float = 0.0
    description: str = ""


def nifti_header(volume: NiftiVolume) -> bytes:
    """Write the header of a single-file NIfTI-1.

    Parameters
    ----------
    volume : what follows

    Returns
    -------
    352 bytes: header and the empty extension flag

    Raises
    ------
    NotAcceptableError
        A side has more voxels than the format can say.

    References
    ----------
    nifti1.h; the affine in RAS as sform, and as qform where its axes are at right angles
    """
    if not all(0 < extent <= _MAX_EXTENT for extent in volume.shape):
        raise NotAcceptableError("NIfTI has room for 32767 voxels a side.", code="too-large")
    code, bits = DATA_TYPES[volume.dtype]
    affine = _LPS_TO_RAS @ volume.affine_lps
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    has_qform, qfac, quaternion = _quaternion(affine[:3, :3] / spacing)
    header = bytearray(_DATA_OFFSET)
    struct.pack_into("<i", header, 0, _HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 3, *volume.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, qfac, *spacing, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, _DATA_OFFSET, volume.slope, volume.intercept)
    struct.pack_into("<B", header, 123, _MILLIMETRES)
    header[148:227] = volume.description.encode("ascii", "replace")[:79].ljust(79, b"\0")
    struct.pack_into("<2h", header, 252, _SCANNER if has_qform else 0, _SCANNER)
    struct.pack_into("<6f", header, 256, *quaternion, *affine[:3, 3])
    for row in range(3):
        struct.pack_into("<4f", header, 280 + 16 * row, *affine[row])
    header[344:348] = b"n+1\0"
    return bytes(header)


def gzipped_nifti(
    volume: NiftiVolume, slices: Iterable[npt.NDArray[np.generic]]
) -> Iterator[bytes]:
    """Write a ``.nii.gz``, holding one slice at a time.

    Parameters
    ----------
    volume : what the header says
    slices : (rows, columns) each, in the order of the affine's third axis

    Yields
    ------
    The file's bytes

    Raises
    ------
    NotAcceptableError
        A slice has another shape than the header says.
    """
    packer = zlib.compressobj(level=3, wbits=31)
    yield packer.compress(nifti_header(volume))
    columns, rows, _ = volume.shape
    for one in slices:
        if one.shape != (rows, columns):
            raise NotAcceptableError("A slice has another size than the others.", code="no-volume")
        voxels = np.ascontiguousarray(one, dtype=np.dtype(volume.dtype).newbyteorder("<"))
        yield packer.compress(voxels.tobytes())
    yield packer.flush()


def _quaternion(
    axes: npt.NDArray[np.float64],
) -> tuple[bool, float, Sequence[float]]:
    """Return whether the axes are at right angles, their handedness, and b, c, d of the turn."""
    if np.abs(axes.T @ axes - np.eye(3)).max() > _ORTHOGONAL:
        return False, 1.0, (0.0, 0.0, 0.0)
    qfac = 1.0 if np.linalg.det(axes) > 0 else -1.0
    turn = axes * np.array([1.0, 1.0, qfac])
    # The eigenvector of the largest eigenvalue is the quaternion (Bar-Itzhack), stable throughout.
    xx, yx, zx, xy, yy, zy, xz, yz, zz = turn.ravel()
    form = np.array(
        [
            [xx - yy - zz, 0, 0, 0],
            [yx + xy, yy - xx - zz, 0, 0],
            [zx + xz, zy + yz, zz - xx - yy, 0],
            [yz - zy, zx - xz, xy - yx, xx + yy + zz],
        ]
    )
    values, vectors = np.linalg.eigh(form / 3.0, UPLO="L")
    x, y, z, w = vectors[:, np.argmax(values)]
    sign = -1.0 if w < 0 else 1.0
    return True, qfac, (float(sign * x), float(sign * y), float(sign * z))
