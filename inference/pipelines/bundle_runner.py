"""Run any trusted MONAI bundle that segments a volume, through its own ConfigParser file."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.devices import choose_device
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.segment_codes import segment_named
from inference.pipelines.types import Segment, SegmentationResult, Volume

logger = logging.getLogger(__name__)

TIMEOUT_S = 1800.0

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
_LAST_WORDS = 400
# All that a bundle's process sees of ours: no database, no broker, no secret key.
_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
)


def run_bundle(
    bundle_dir: Path,
    volume: Volume,
    device: str | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> npt.NDArray[np.uint8]:
    """Run a bundle on a volume. The caller has verified that the bundle is trusted.

    Parameters
    ----------
    bundle_dir : verified folder of the bundle, from `inference.bundles.trust.trusted_copy`
    volume : input
    device : ``cuda`` or ``cpu``; the best of this machine if absent
    timeout_s : the bundle's process is ended after so many seconds

    Returns
    -------
    (slices, rows, columns) uint8 label map on the grid of the volume

    Raises
    ------
    BundleRunError
        The bundle failed, took too long, or wrote no single label map.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-run-") as folder:
        work = Path(folder)
        image, output, home = (work / name for name in ("image.nii.gz", "output", "home"))
        output.mkdir()
        home.mkdir()
        affine_ras = _LPS_TO_RAS @ volume.affine_lps
        _write_image(image, volume, affine_ras)
        request = {
            "bundle_root": str(bundle_dir.resolve()),
            "image": str(image),
            "output_dir": str(output),
            "device": device or choose_device(),
        }
        (work / "request.json").write_text(json.dumps(request), encoding="utf-8")
        _run_process(work, home, timeout_s)
        return _read_mask(output, volume, affine_ras)


def segment_with_bundle(
    bundle_dir: Path,
    volume: Volume,
    device: str | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> SegmentationResult:
    """Run a bundle and say what the values of its label map mean.

    Parameters
    ----------
    bundle_dir, volume, device, timeout_s : as for `run_bundle`

    Returns
    -------
    SegmentationResult
        segments named by the bundle's ``channel_def``, those with voxels only, with their volumes

    Raises
    ------
    UnsupportedInputError
        The bundle is for another modality.
    BundleRunError
        As for `run_bundle`.
    """
    metadata = read_metadata(bundle_dir)
    if metadata.modality and volume.modality and metadata.modality != volume.modality:
        raise UnsupportedInputError(
            f"{metadata.name} is for {metadata.modality}; the series is {volume.modality}."
        )
    chosen = device or choose_device()
    mask = run_bundle(bundle_dir, volume, chosen, timeout_s=timeout_s)
    present = [int(value) for value in np.unique(mask) if value != 0]
    segments: tuple[Segment, ...] = tuple(
        segment_named(metadata.labels.get(value, f"label {value}"), number=number, value=value)
        for number, value in enumerate(present, start=1)
    )
    notes = () if segments else ("The model found none of its structures.",)
    return SegmentationResult(
        mask_zyx=mask,
        segments=segments,
        measurements=volume_measurements(mask, segments, volume.voxel_ml),
        device=chosen,
        notes=notes,
    )


def _write_image(path: Path, volume: Volume, affine_ras: npt.NDArray[np.float64]) -> None:
    # nibabel's constructors have no annotations.
    make_image: Any = nibabel.Nifti1Image
    nibabel.save(make_image(volume.array_zyx.transpose(2, 1, 0), affine_ras), path)


def _run_process(work: Path, home: Path, timeout_s: float) -> None:
    environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    environment |= {
        "HOME": str(home),
        "TMPDIR": str(work),
        "PYTHONPATH": str(_PROJECT_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "inference.pipelines.bundle_process"]
    try:
        done = subprocess.run(  # noqa: S603 our own interpreter and module, no shell
            [*command, str(work / "request.json")],
            env=environment,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleRunError(f"The bundle took more than {timeout_s:.0f} s.") from error
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip()
        logger.warning("A bundle failed: %s", output[-_LAST_WORDS:])
        told = work / "failure.txt"
        cause = told.read_text(encoding="utf-8")[:_LAST_WORDS] if told.is_file() else "it was ended"
        raise BundleRunError(f"The bundle failed (exit {done.returncode}): {cause}")


def _read_mask(
    output: Path, volume: Volume, affine_ras: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    files = sorted(path for path in output.rglob("*.nii*") if path.is_file())
    if len(files) != 1:
        raise BundleRunError(f"The bundle wrote {len(files)} images; one label map was expected.")
    image: Any = nibabel.load(files[0])
    labels = np.asarray(image.dataobj)
    labels = (
        labels.reshape(labels.shape[:3]) if labels.size == np.prod(labels.shape[:3]) else labels
    )
    if labels.ndim != 3:
        raise BundleRunError("The bundle wrote several channels; one label map was expected.")
    if labels.size and (labels.min() < 0 or labels.max() > 255):
        raise BundleRunError("The bundle's label map has values outside 0 to 255.")
    shape = volume.array_zyx.shape[::-1]
    if labels.shape != shape or not np.allclose(image.affine, affine_ras, atol=1e-3):
        # Source index to world to the label map's index, nearest neighbour.
        back = np.linalg.inv(image.affine) @ affine_ras
        labels = ndimage.affine_transform(
            labels, back[:3, :3], back[:3, 3], output_shape=shape, order=0, cval=0
        )
    return np.ascontiguousarray(np.rint(labels).astype(np.uint8).transpose(2, 1, 0))
