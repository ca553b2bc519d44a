"""Try a bundle before it is registered: do its weights load, is its output what it says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.bundles.formats import WeightsFile, WeightsFormat, find_weights
from inference.bundles.phantom import make_phantom
from inference.bundles.scanning import read_config
from inference.errors import BundleInvalidError, BundleRunError
from inference.pipelines.bundle_boxes import BoxReading, detect_with_bundle
from inference.pipelines.bundle_child import run_child
from inference.pipelines.bundle_labels import label_named
from inference.pipelines.bundle_runner import BundleJob, run_bundle
from inference.pipelines.types import Volume

if TYPE_CHECKING:
    from inference.pipelines.bundle_metadata import BundleMetadata

_NETWORK = "inference.bundles.network_trial.try_network"
TIMEOUT_S = 600.0
# Address space, of which torch's libraries alone take several GiB without using them.
LIMITS = {"memory_mb": 24_576, "cpu_s": 1200, "is_offline": True}
_SLICES, _SIDE = 48, 64
_VOLUME_MM = 2.0
_BRIGHTEST = 1000.0
_DIMENSIONS = {"classify": 2, "embed": 2}


def try_bundle(
    bundle_dir: Path, metadata: BundleMetadata, *, is_trusted: bool, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Try a bundle in a limited process of its own, without a network where the kernel lets us.

    Parameters
    ----------
    bundle_dir : private folder of the bundle
    metadata : of it
    is_trusted : whether its own expressions and scripts may run
    timeout_s : of each try

    Returns
    -------
    What was measured: ``format``, ``weights``, ``input_shape``, ``output_shape``, seconds and MiB

    Raises
    ------
    BundleInvalidError
        The weights are damaged, the output is not what the metadata says, or the bundle failed
        or took too long or too much memory.
    """
    if metadata.declared.pipeline == "bundle" and metadata.kind == "detect":
        return _try_detector(bundle_dir, metadata, is_trusted=is_trusted, timeout_s=timeout_s)
    if metadata.declared.pipeline == "bundle":
        return _try_pipeline(bundle_dir, metadata, is_trusted=is_trusted, timeout_s=timeout_s)
    return _try_network(bundle_dir, metadata, timeout_s)


def _try_network(bundle_dir: Path, metadata: BundleMetadata, timeout_s: float) -> dict[str, Any]:
    weights = _weights_of(bundle_dir, metadata)
    request = {
        "bundle_root": str(bundle_dir.resolve()),
        "weights": weights.path.relative_to(bundle_dir.resolve()).as_posix(),
        "is_network": weights.format is not WeightsFormat.ARRAYS,
        "channels": metadata.image.channels or 1,
        "spatial_shape": list(phantom_shape(metadata)),
        "limits": LIMITS,
    }
    with tempfile.TemporaryDirectory(prefix="bundle-check-") as folder:
        try:
            answer = run_child(
                _NETWORK, request, Path(folder), timeout_s=timeout_s, is_trusted=False
            )
        except BundleRunError as error:
            raise BundleInvalidError(_without_frame(error.message)) from error
    check_output(answer, metadata)
    return _measured(answer) | {"format": str(weights.format), "weights": request["weights"]}


def check_output(answer: dict[str, Any], metadata: BundleMetadata) -> None:
    """Compare a network's output with what its bundle says of it.

    Parameters
    ----------
    answer : ``input_shape`` and ``output_shape`` with batch and channels first, ``is_finite``
    metadata : of the bundle

    Raises
    ------
    BundleInvalidError
        The number of channels or the size is another, or the numbers are none.
    """
    shape = answer.get("output_shape")
    if shape is None:
        return
    wanted = metadata.prediction.channels or len(metadata.labels)
    is_picture = metadata.kind in {"segment", "detect"}
    sizes = list(metadata.prediction.spatial_shape) if metadata.prediction.is_fixed else []
    expected = sizes or answer["input_shape"][2:] if is_picture else []
    flat = len(shape) == 2 or all(side == 1 for side in shape[2:])
    fits = shape[2:] == expected if is_picture else flat
    if len(shape) < 2 or (wanted and shape[1] != wanted) or not fits:
        promised = "x".join(map(str, [wanted or "any", *expected]))
        got = "x".join(map(str, shape[1:]))
        raise BundleInvalidError(f"The output has the shape {got}; the metadata says {promised}.")
    if not answer.get("is_finite", True):
        raise BundleInvalidError("The network's output holds numbers that are none.")


def phantom_shape(metadata: BundleMetadata) -> tuple[int, ...]:
    """Return the size of the picture a network is tried with."""
    if metadata.image.spatial_shape:
        return metadata.image.spatial_shape
    stated = metadata.declared.inputs.get("dimensions")
    dimensions = stated if stated in {2, 3} else _DIMENSIONS.get(metadata.kind, 3)
    return (_SIDE,) * dimensions


def _try_pipeline(
    bundle_dir: Path, metadata: BundleMetadata, *, is_trusted: bool, timeout_s: float
) -> dict[str, Any]:
    job = BundleJob(is_trusted=is_trusted, timeout_s=timeout_s, limits=LIMITS)
    try:
        output = run_bundle(bundle_dir, _phantom_volume(metadata), "cpu", job=job)
    except BundleRunError as error:
        raise BundleInvalidError(_without_frame(error.message)) from error
    check_output(output.answer, metadata)
    named = metadata.labels
    strange = [label for label in output.values if label_named(named, label) is None]
    if named and strange:
        raise BundleInvalidError(
            f"The label map holds the value {strange[0]}, which channel_def doesn't name."
        )
    shape = list(output.mask_zyx.shape)
    told = {"input_shape": shape, "output_shape": shape, "format": "its own"}
    if not is_trusted:
        weights = _weights_of(bundle_dir, metadata)
        name = weights.path.relative_to(bundle_dir.resolve()).as_posix()
        told = {"format": str(weights.format), "weights": name}
    return told | _measured(output.answer)


def _try_detector(
    bundle_dir: Path, metadata: BundleMetadata, *, is_trusted: bool, timeout_s: float
) -> dict[str, Any]:
    """Let it find what it finds on a phantom: that it runs, and that its boxes can be read."""
    job = BundleJob(is_trusted=is_trusted, timeout_s=timeout_s, limits=LIMITS)
    volume = _phantom_volume(metadata)
    reading = BoxReading(
        mode=str(metadata.declared.config.get("box_mode") or BoxReading.mode), threshold=0.0
    )
    try:
        found = detect_with_bundle(bundle_dir, volume, "cpu", reading=reading, job=job)
    except BundleRunError as error:
        raise BundleInvalidError(_without_frame(error.message)) from error
    return {
        "input_shape": list(volume.array_zyx.shape),
        "output_shape": [len(found), 6],
        "format": "its own",
    }


def _weights_of(bundle_dir: Path, metadata: BundleMetadata) -> WeightsFile:
    has_network = "network_def" in read_config(bundle_dir)
    return find_weights(bundle_dir.resolve(), metadata.declared.weights, has_network=has_network)


def _measured(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "is_finite"}


def _phantom_volume(metadata: BundleMetadata) -> Volume:
    array = make_phantom((_SLICES, _SIDE, _SIDE))[0] * _BRIGHTEST
    if metadata.modality == "CT":
        array = array - _BRIGHTEST  # air outside the body
    affine = np.diag([_VOLUME_MM, _VOLUME_MM, _VOLUME_MM, 1.0])
    spacing = (_VOLUME_MM, _VOLUME_MM, _VOLUME_MM)
    order = tuple(range(_SLICES))
    return Volume(np.asarray(array, np.float32), affine, spacing, [], order, metadata.modality)


def _without_frame(message: str) -> str:
    """Leave out what `run_child` and Python put before a reason of our own."""
    return message.rpartition("BundleInvalidError: ")[2].replace("BundleNotTrustedError: ", "")
