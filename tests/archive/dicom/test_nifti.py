import gzip
import io

import nibabel
import numpy as np
import pytest

from archive.dicom.nifti import NiftiVolume, gzipped_nifti, nifti_header
from archive.errors import NotAcceptableError


def _read(volume, slices):
    content = gzip.decompress(b"".join(gzipped_nifti(volume, slices)))
    return nibabel.Nifti1Image.from_stream(io.BytesIO(content))


def _turned(degrees, *, is_mirrored=False):
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, 0] = [np.cos(angle) * 0.7, np.sin(angle) * 0.7, 0]
    affine[:3, 1] = [-np.sin(angle) * 0.8, np.cos(angle) * 0.8, 0]
    affine[:3, 2] = [0, 0, -2.5 if is_mirrored else 2.5]
    affine[:3, 3] = [-120, 30, 7]
    return affine


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, 225])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_others_read_the_same_values_at_the_same_places(degrees, is_mirrored):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    affine = _turned(degrees, is_mirrored=is_mirrored)
    read = _read(NiftiVolume((4, 3, 2), affine, "int16", 2.0, -5.0), values)

    assert np.allclose(read.get_fdata().transpose(2, 1, 0), values * 2.0 - 5)
    assert np.allclose(read.affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-4)
    assert np.allclose(read.get_qform(), read.get_sform(), atol=1e-4)
    assert read.header.get_xyzt_units()[0] == "mm"


def test_axes_that_lean_have_no_qform():
    affine = np.eye(4)
    affine[:3, 2] = [0, 0.4, 1]
    read = _read(NiftiVolume((1, 1, 1), affine, "float32"), np.ones((1, 1, 1), np.float32))

    assert read.get_qform(coded=True)[1] == 0
    assert np.allclose(read.get_sform(), np.diag([-1, -1, 1, 1]) @ affine)


def test_too_many_voxels_and_odd_slices_are_refused():
    with pytest.raises(NotAcceptableError, match="32767"):
        nifti_header(NiftiVolume((40_000, 1, 1), np.eye(4), "uint8"))
    with pytest.raises(NotAcceptableError, match="another size"):
        list(gzipped_nifti(NiftiVolume((2, 2, 1), np.eye(4), "uint8"), [np.zeros((3, 2))]))
