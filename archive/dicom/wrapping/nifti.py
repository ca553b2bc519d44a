"""NIfTI files: voxels, their scale, and where they lie. A reader of our own, few lines long."""

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from archive.errors import InvalidInstanceError, LimitExceededError

MAX_BYTES = 2 << 30
_CHUNK_BYTES = 1 << 20
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
# Of the lowest three bits of xyzt_units; unknown is taken for millimetres, as every reader does.
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


@dataclass(frozen=True)
class NiftiVolume:
    """Voxels as stored, indexed (i, j, k, time); affine from (i, j, k) to millimetres in RAS."""

    voxels_ijkt: npt.NDArray[np.generic]
    affine_ras: npt.NDArray[np.float64]
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class _Head:
    order: str
    dims: tuple[int, ...]
    kind: int
    offset: int
    slope: float
    intercept: float
    units: int
    affine: npt.NDArray[np.float64]


def read_nifti(file: BinaryIO) -> NiftiVolume:
    """Read a NIfTI-1 or NIfTI-2 file of one part, compressed or not.

    Parameters
    ----------
    file : read from its beginning

    Returns
    -------
    NiftiVolume; a file of three dimensions has one time

    Raises
    ------
    InvalidInstanceError
        ``not-nifti``, ``truncated``, or ``no-geometry`` where it does not say where it lies.
    LimitExceededError
        It unpacks to more than `MAX_BYTES`.

    References
    ----------
    nifti1.h, nifti2.h (NIfTI Data Format Working Group)
    """
    content = _whole(file)
    try:
        head = _read_head(content)
    except struct.error as error:
        raise InvalidInstanceError("The NIfTI file is cut off.", code="truncated") from error
    dtype = np.dtype(f"{head.order}{_TYPES[head.kind]}")
    count = int(np.prod(head.dims, dtype=object))
    if head.offset < 0 or head.offset + count * dtype.itemsize > len(content):
        raise InvalidInstanceError("The NIfTI file is cut off.", code="truncated")
    flat = np.frombuffer(content, dtype, count, head.offset)
    voxels = flat.reshape(head.dims, order="F").astype(dtype.newbyteorder("="), copy=False)
    return NiftiVolume(voxels, head.affine, head.slope, head.intercept)


def _whole(file: BinaryIO) -> bytes:
    head = file.read(2)
    if head != b"\x1f\x8b":
        content = head + file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _too_large()
        return content
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = bytearray()
    chunk = head + file.read(_CHUNK_BYTES)
    try:
        while chunk:
            unpacked += unpacker.decompress(chunk, MAX_BYTES + 1 - len(unpacked))
            if len(unpacked) > MAX_BYTES:
                raise _too_large()
            chunk = unpacker.unconsumed_tail or file.read(_CHUNK_BYTES)
    except zlib.error as error:
        raise InvalidInstanceError("The file can't be unpacked.", code="truncated") from error
    return bytes(unpacked)


def _too_large() -> LimitExceededError:
    return LimitExceededError(f"The volume is larger than the limit of {MAX_BYTES} bytes.")


def _read_head(content: bytes) -> _Head:
    for order in "<>":
        (size,) = struct.unpack_from(f"{order}i", content)
        if size == 348 and content[344:348] == b"n+1\0":
            return _checked(_head_1(content, order))
        if size == 540 and content[4:8] == b"n+2\0":
            return _checked(_head_2(content, order))
    message = "This is no NIfTI file of one part (.nii, .nii.gz)."
    raise InvalidInstanceError(message, code="not-nifti")


def _head_1(content: bytes, order: str) -> _Head:
    dims = struct.unpack_from(f"{order}8h", content, 40)
    (kind,) = struct.unpack_from(f"{order}h", content, 70)
    pixdim = struct.unpack_from(f"{order}8f", content, 76)
    offset, slope, intercept = struct.unpack_from(f"{order}3f", content, 108)
    codes = struct.unpack_from(f"{order}2h", content, 252)
    quaternion = struct.unpack_from(f"{order}6f", content, 256)
    rows = struct.unpack_from(f"{order}12f", content, 280)
    affine = _affine(codes, pixdim, quaternion, rows)
    return _Head(order, dims, kind, int(offset), slope, intercept, content[123], affine)


def _head_2(content: bytes, order: str) -> _Head:
    (kind,) = struct.unpack_from(f"{order}h", content, 12)
    dims = struct.unpack_from(f"{order}8q", content, 16)
    pixdim = struct.unpack_from(f"{order}8d", content, 104)
    (offset,) = struct.unpack_from(f"{order}q", content, 168)
    slope, intercept = struct.unpack_from(f"{order}2d", content, 176)
    codes = struct.unpack_from(f"{order}2i", content, 344)
    quaternion = struct.unpack_from(f"{order}6d", content, 352)
    rows = struct.unpack_from(f"{order}12d", content, 400)
    (units,) = struct.unpack_from(f"{order}i", content, 500)
    affine = _affine(codes, pixdim, quaternion, rows)
    return _Head(order, dims, kind, int(offset), slope, intercept, units, affine)


def _affine(
    codes: tuple[int, ...],
    pixdim: tuple[float, ...],
    quaternion: tuple[float, ...],
    rows: tuple[float, ...],
) -> npt.NDArray[np.float64]:
    """Return the sform where there is one, else the qform; with neither the place is not known."""
    qform_code, sform_code = codes
    if sform_code > 0:
        return np.vstack([np.reshape(rows, (3, 4)), [0, 0, 0, 1]]).astype(np.float64)
    if qform_code <= 0:
        message = "The volume does not say where it lies: it has neither sform nor qform."
        raise InvalidInstanceError(message, code="no-geometry")
    b, c, d = (float(one) for one in quaternion[:3])
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    side = -1.0 if pixdim[0] < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([pixdim[1], pixdim[2], side * pixdim[3]])
    affine[:3, 3] = quaternion[3:6]
    return affine


def _checked(head: _Head) -> _Head:
    rank = head.dims[0]
    if head.kind not in _TYPES:
        message = f"Voxels of the NIfTI type {head.kind} (colours, complex numbers) are not taken."
        raise InvalidInstanceError(message, code="not-nifti")
    if not 2 <= rank <= 7 or any(size < 1 for size in head.dims[1 : rank + 1]):
        raise InvalidInstanceError("The volume's dimensions can't be.", code="not-nifti")
    if any(size > 1 for size in head.dims[5 : rank + 1]):
        message = "The volume has more than three dimensions and time."
        raise InvalidInstanceError(message, code="not-nifti")
    sizes = (*head.dims[1 : min(rank, 4) + 1], 1, 1, 1)[:4]
    affine = head.affine.copy()
    affine[:3] *= _MM.get(head.units & 7, 1.0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InvalidInstanceError("The volume's place can't be.", code="no-geometry")
    slope, intercept = head.slope, head.intercept
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        slope, intercept = 1.0, 0.0
    return _Head(head.order, sizes, head.kind, head.offset, slope, intercept, head.units, affine)
