import nibabel
import numpy as np

from inference.training.brain_tissue.volumes import read_head


def test_read_head_gives_places_in_lps(tmp_path):
    affine = np.array([[0, -1.5, 0, 10], [0, 0, 2.0, -20], [-3.0, 0, 0, 30], [0, 0, 0, 1]])
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "head.nii.gz")

    volume = read_head(tmp_path / "head.nii.gz")

    assert volume.spacing_mm_zyx == (3.0, 2.0, 1.5)
    z, y, x = np.argwhere(volume.array_zyx == array[1, 2, 3])[0]
    right, front, up = affine[:3, :3] @ (1, 2, 3) + affine[:3, 3]
    assert np.allclose(volume.affine_lps @ (x, y, z, 1), (-right, -front, up, 1))
