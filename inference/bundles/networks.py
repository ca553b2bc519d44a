"""Load a bundle's network from any of the formats, never with pickle's full powers.

Only for processes that may hold torch: workers, and the limited child of a registration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.bundles.formats import WeightsFile, WeightsFormat, find_weights
from inference.bundles.loading import load_state_dict
from inference.bundles.scanning import read_config, scan_config
from inference.errors import BundleInvalidError, BundleNotTrustedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

NETWORK_KEY = "network_def"


def open_network(
    bundle_dir: Path, named: str = "", *, device: str = "cpu", threads: int = 0
) -> Callable[[Any], Any]:
    """Load a bundle's network; its configuration may name allowed parts only.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    named : path of the weights inside it, where the metadata names one
    device : of torch; ONNX runs on the CPU
    threads : of ONNX Runtime; 0 leaves the number to it

    Returns
    -------
    a function of a (batch, channels, ...) float32 tensor that answers a tensor or several

    Raises
    ------
    BundleInvalidError
        There are no weights, they are damaged, or they don't fit the network.
    BundleNotTrustedError
        The network is described by expressions or by parts that aren't on the list.
    """
    config = read_config(bundle_dir)
    weights = find_weights(bundle_dir, named, has_network=NETWORK_KEY in config)
    if weights.format is WeightsFormat.ONNX:
        return _open_onnx(weights, threads)
    network = _open_torch(weights, config)
    return network.to(device).eval()


def load_weights(path: Path) -> dict[str, Any]:
    """Read named tensors from safetensors or a state dict.

    Raises
    ------
    BundleInvalidError
        The file is damaged, holds more than tensors, or numbers that are none.
    """
    if path.suffix.lower() == ".safetensors":
        tensors = _load_safetensors(path)
    else:
        tensors = load_state_dict(path)
        for key in ("state_dict", "model"):
            inner = tensors.get(key)
            tensors = inner if isinstance(inner, dict) else tensors
    for name, tensor in tensors.items():
        if hasattr(tensor, "isfinite") and not bool(tensor.isfinite().all()):
            raise BundleInvalidError(f"{path.name} holds numbers that are none, in {name[:60]}.")
    return tensors


def load_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read named arrays of numpy, without Python objects.

    Raises
    ------
    BundleInvalidError
        The file is damaged, or holds objects or numbers that are none.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception as error:  # numpy and zipfile raise a dozen kinds; all mean the same
        raise BundleInvalidError(f"{path.name} holds no readable arrays.") from error
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise BundleInvalidError(f"{path.name} holds numbers that are none, in {name[:60]}.")
    return arrays


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError  # noqa: PLC0415 part of the worker extra
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        tensors: dict[str, Any] = load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise BundleInvalidError(f"{path.name} holds no readable weights.") from error
    return tensors


def _open_torch(weights: WeightsFile, config: dict[str, Any]) -> nn.Module:
    if weights.format is WeightsFormat.TORCHSCRIPT:
        return _load_torchscript(weights.path)
    if weights.format is WeightsFormat.ARRAYS:
        raise BundleInvalidError(f"{weights.path.name} is no network that runs by itself.")
    network = build_network(config)
    try:
        network.load_state_dict(load_weights(weights.path))
    except (RuntimeError, TypeError, AttributeError) as error:
        message = f"{weights.path.name} doesn't fit the network that is described."
        raise BundleInvalidError(message) from error
    return network


def build_network(config: dict[str, Any]) -> nn.Module:
    """Build the network of a configuration that may name allowed parts only.

    Raises
    ------
    BundleNotTrustedError
        It holds expressions or names other parts.
    BundleInvalidError
        MONAI can't build it.
    """
    import torch  # noqa: PLC0415 torch stays out of the web process
    from monai.bundle.config_parser import ConfigParser  # noqa: PLC0415

    described = {NETWORK_KEY: config.get(NETWORK_KEY)}
    if reasons := scan_config(described):
        raise BundleNotTrustedError(f"The network needs trust: {reasons[0]}")
    try:
        built = ConfigParser(described, globals=False).get_parsed_content(NETWORK_KEY)
    except Exception as error:  # whatever MONAI met building it means the same to the caller
        raise BundleInvalidError("MONAI can't build the network that is described.") from error
    if not isinstance(built, torch.nn.Module):
        raise BundleInvalidError("network_def describes no network.")
    return built


def _load_torchscript(path: Path) -> nn.Module:
    import torch  # noqa: PLC0415 torch stays out of the web process

    try:
        # torch's own annotations leave this function out.
        load: Callable[..., nn.Module] = torch.jit.load
        script = load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise BundleInvalidError(f"{path.name} holds no readable TorchScript.") from error
    for name, tensor in script.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise BundleInvalidError(f"{path.name} holds numbers that are none, in {name[:60]}.")
    return script


def _open_onnx(weights: WeightsFile, threads: int) -> Callable[[Any], Any]:
    import onnxruntime  # noqa: PLC0415
    import torch  # noqa: PLC0415 torch stays out of the web process

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(
            str(weights.path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common root
        raise BundleInvalidError(f"{weights.path.name} holds no readable ONNX network.") from error
    name = session.get_inputs()[0].name

    def run(image: Any) -> Any:
        outputs = session.run(None, {name: np.asarray(image.cpu(), dtype=np.float32)})
        return torch.from_numpy(outputs[0])

    return run
