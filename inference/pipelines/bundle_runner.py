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
from inference.pipelines.bundle_labels import (
    INSIDE,
    has_background,
    label_named,
    overlapping_labels,
)
from inference.pipelines.bundle_metadata import read_metadata
from inference.pipelines.bundle_packages import require_packages
from inference.pipelines.devices import choose_device
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.segment_codes import segment_coded, segment_named
from inference.pipelines.types import Segment, SegmentationResult, Volume

TIMEOUT_S = 1800.0

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Of probabilities that went through arithmetic.
_NEARLY = 1e-3
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
    values : for each label that was found, as ``channel_def`` counts them, the map's values; labels
        that overlap share some
    probability_zyxc : (slices, rows, columns, channels) float32 from 0 to 1, where the bundle wrote
        a channel a label and no label map
    """

    mask_zyx: npt.NDArray[np.uint8]
    answer: dict[str, Any]
    values: dict[int, tuple[int, ...]]
    probability_zyxc: npt.NDArray[np.float32] | None = None


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
        if not answer.get("is_finite", True):
            raise BundleRunError("The network's output holds numbers that are none.")
        array, affine = _read_image(output)
        if array.ndim == 4:
            probability = _read_probabilities(array, volume, affine)
            mask, values = _labels_of(probability, read_metadata(bundle_dir).labels)
            return BundleOutput(mask, answer, values, probability)
        mask = _read_label_map(array, volume, affine)
    return BundleOutput(mask, answer, _own_values(mask))


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
            "weights": read_metadata(bundle_dir).declared.weights,
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
    output = run_bundle(bundle_dir, volume, chosen, job=job)
    mask, probability = output.mask_zyx, output.probability_zyxc
    present = list(output.values)
    coded = {str(one.get("name")): one for one in metadata.declared.labels}
    names = [label_named(metadata.labels, label) or f"label {label}" for label in present]
    segments: tuple[Segment, ...] = tuple(
        segment_coded(
            coded.get(name, {}), segment_named(name, number=number, values=output.values[label])
        )
        for number, (name, label) in enumerate(zip(names, present, strict=True), start=1)
    )
    notes = () if segments else ("The model found none of its structures.",)
    return SegmentationResult(
        mask_zyx=mask,
        segments=segments,
        measurements=volume_measurements(mask, segments, volume.voxel_ml),
        device=chosen,
        notes=notes,
        probability_zyxc=None if probability is None else probability[..., present],
    )


def _write_image(path: Path, volume: Volume, affine_ras: npt.NDArray[np.float64]) -> None:
    # nibabel's constructors have no annotations.
    make_image: Any = nibabel.Nifti1Image
    nibabel.save(make_image(volume.array_zyx.transpose(2, 1, 0), affine_ras), path)


def _read_image(output: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Read what a bundle wrote: (X, Y, Z) labels or (X, Y, Z, channels), and its affine."""
    files = sorted(path for path in output.rglob("*.nii*") if path.is_file())
    if len(files) != 1:
        raise BundleRunError(f"The bundle wrote {len(files)} images; one label map was expected.")
    image: Any = nibabel.load(files[0])
    array = np.squeeze(np.asarray(image.dataobj), axis=_single_axes(image.shape))
    if array.ndim not in {3, 4}:
        raise BundleRunError("The bundle wrote no volume; one label map was expected.")
    if not np.isfinite(array).all():
        raise BundleRunError("The bundle's output holds numbers that are none.")
    return array, image.affine


def _read_label_map(
    array: npt.NDArray[Any], volume: Volume, affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    if array.size and (array.min() < 0 or array.max() > 255):
        raise BundleRunError("The bundle's label map has values outside 0 to 255.")
    labels = _on_grid(array, volume, affine, order=0)
    return np.ascontiguousarray(np.rint(labels).astype(np.uint8).transpose(2, 1, 0))


def _own_values(mask: npt.NDArray[np.uint8]) -> dict[int, tuple[int, ...]]:
    return {int(value): (int(value),) for value in np.unique(mask) if value != 0}


def _labels_of(
    probability: npt.NDArray[np.float32], labels: dict[int, str]
) -> tuple[npt.NDArray[np.uint8], dict[int, tuple[int, ...]]]:
    """Tell labels from probabilities: the largest where one channel is the background."""
    if not has_background(labels):
        return overlapping_labels(probability >= INSIDE)
    # Outside what the bundle saw all are 0: background.
    mask = probability.argmax(axis=-1).astype(np.uint8)
    return mask, _own_values(mask)


def _single_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes past the third that hold nothing."""
    return tuple(axis for axis in range(3, len(shape)) if shape[axis] == 1)


def _read_probabilities(
    array: npt.NDArray[Any], volume: Volume, affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Read (X, Y, Z, channels) probabilities."""
    low, high = float(array.min()), float(array.max())
    if low < -_NEARLY or high > 1 + _NEARLY or array.shape[3] > 256:
        raise BundleRunError(
            f"The bundle wrote {array.shape[3]} channels from {low:.3g} to {high:.3g}; a label "
            "map, or probabilities from 0 to 1, was expected."
        )
    channels = [
        _on_grid(array[..., at].astype(np.float32), volume, affine, order=1)
        for at in range(array.shape[3])
    ]
    probability = np.clip(np.stack(channels, axis=-1), 0.0, 1.0).transpose(2, 1, 0, 3)
    return np.ascontiguousarray(probability.astype(np.float32))


def _on_grid(
    array: npt.NDArray[Any],
    volume: Volume,
    affine: npt.NDArray[np.float64],
    *,
    order: int,
) -> npt.NDArray[Any]:
    """Bring an (X, Y, Z) array to the volume's grid: by nearest neighbour (0) or linearly (1)."""
    affine_ras = _LPS_TO_RAS @ volume.affine_lps
    shape = volume.array_zyx.shape[::-1]
    if array.shape == shape and np.allclose(affine, affine_ras, atol=1e-3):
        return array
    # Source index to world to the other grid's index.
    back = np.linalg.inv(affine) @ affine_ras
    moved: npt.NDArray[Any] = ndimage.affine_transform(
        array, back[:3, :3], back[:3, 3], output_shape=shape, order=order, cval=0
    )
    return moved
