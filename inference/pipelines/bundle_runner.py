"""Run any MONAI bundle that segments a volume, through its own ConfigParser file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.bundle_child import run_child
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.bundle_packages import require_packages
from inference.pipelines.devices import choose_device
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.segment_codes import segment_coded, segment_named
from inference.pipelines.types import Segment, SegmentationResult, Volume

TIMEOUT_S = 1800.0

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TRUSTED = "inference.pipelines.bundle_process.run_trusted"
# By name: it belongs to the room above, which alone loads weights.
_UNTRUSTED = "inference.bundles.declared_run.run_declared"


@dataclass(frozen=True)
class BundleJob:
    """How a bundle is run.

    Attributes
    ----------
    is_trusted : whether its expressions and scripts may run; otherwise its configuration has been
        found free of both, and our own process reads it
    timeout_s : its process is ended after so many seconds
    limits : of its process, see `confinement.confine_process`
    exports : folder of networks exported for the CPU's runtimes; torch alone where None
    """

    is_trusted: bool = True
    timeout_s: float = TIMEOUT_S
    limits: dict[str, Any] = field(default_factory=dict)
    exports: Path | None = None


@dataclass(frozen=True, eq=False)
class BundleOutput:
    """What a bundle made of a volume.

    Attributes
    ----------
    mask_zyx : (slices, rows, columns) uint8 label map on the grid of the volume
    answer : of its process: ``seconds`` (the loading of its packages included), ``memory_mb``,
        ``is_offline``, and where our own process ran it, shapes and times of its network
    """

    mask_zyx: npt.NDArray[np.uint8]
    answer: dict[str, Any]


def run_bundle(
    bundle_dir: Path, volume: Volume, device: str | None = None, *, job: BundleJob | None = None
) -> BundleOutput:
    """Run a bundle on a volume. The caller has verified that it may run.

    Parameters
    ----------
    bundle_dir : verified folder of the bundle, from `inference.bundles.trust.trusted_copy`
    volume : input
    device : ``cuda`` or ``cpu``; the best of this machine if absent
    job : how; as trusted, with the usual time, if absent

    Returns
    -------
    BundleOutput

    Raises
    ------
    BundleRunError
        The bundle failed, took too long, or wrote no single label map.
    """
    chosen = job or BundleJob()
    with bundle_files(bundle_dir, volume, device or choose_device(), chosen) as (output, answer):
        mask = _read_mask(output, volume, _LPS_TO_RAS @ volume.affine_lps)
    return BundleOutput(mask, answer)


@contextmanager
def bundle_files(
    bundle_dir: Path, volume: Volume, device: str, job: BundleJob
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Run a bundle on a volume; its files are there for the length of a block.

    Parameters
    ----------
    bundle_dir, volume : as for `run_bundle`
    device : ``cuda`` or ``cpu``
    job : how

    Yields
    ------
    folder of what it wrote, and the answer of its process

    Raises
    ------
    BundleRunError
        The bundle failed, took too long, or needs a package that isn't installed.
    """
    require_packages(bundle_dir)
    with tempfile.TemporaryDirectory(prefix="bundle-run-") as folder:
        work = Path(folder)
        image, output = work / "image.nii.gz", work / "output"
        output.mkdir()
        _write_image(image, volume, _LPS_TO_RAS @ volume.affine_lps)
        request = {
            "bundle_root": str(bundle_dir.resolve()),
            "image": str(image),
            "output_dir": str(output),
            "device": device,
            "limits": job.limits,
            "exports": str(job.exports.resolve()) if job.exports else "",
        }
        run = _TRUSTED if job.is_trusted else _UNTRUSTED
        yield (
            output,
            run_child(run, request, work, timeout_s=job.timeout_s, is_trusted=job.is_trusted),
        )


def segment_with_bundle(
    bundle_dir: Path,
    volume: Volume,
    device: str | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    is_trusted: bool = True,
    exports: Path | None = None,
) -> SegmentationResult:
    """Run a bundle and say what the values of its label map mean.

    Parameters
    ----------
    bundle_dir, volume, device : as for `run_bundle`
    timeout_s, is_trusted, exports : as in `BundleJob`

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
    limits = {} if is_trusted else {"is_offline": True}
    job = BundleJob(is_trusted, timeout_s, limits, exports)
    mask = run_bundle(bundle_dir, volume, chosen, job=job).mask_zyx
    present = [int(value) for value in np.unique(mask) if value != 0]
    coded = {str(one.get("name")): one for one in metadata.declared.labels}
    names = [metadata.labels.get(value, f"label {value}") for value in present]
    segments: tuple[Segment, ...] = tuple(
        segment_coded(coded.get(name, {}), segment_named(name, number=number, value=value))
        for number, (name, value) in enumerate(zip(names, present, strict=True), start=1)
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
