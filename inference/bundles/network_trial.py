"""Try a bundle's network on a phantom: what a registration's limited process does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from inference.bundles.networks import load_arrays, open_network
from inference.bundles.phantom import make_phantom
from inference.errors import BundleInvalidError

_THREADS = 2


def try_network(request: dict[str, Any]) -> dict[str, Any]:
    """Load a bundle's weights and run its network once.

    Parameters
    ----------
    request : ``bundle_root``, ``weights`` (path inside it, may be empty), ``channels`` and
        ``spatial_shape`` of the phantom; ``is_network`` false where there are arrays only

    Returns
    -------
    ``input_shape``, ``output_shape``, ``load_seconds``, ``infer_seconds``, ``parameters``; for
    arrays ``arrays``: name to shape

    Raises
    ------
    BundleInvalidError
        The weights are damaged, or the network can't take the phantom.
    """
    root, named = Path(request["bundle_root"]), str(request["weights"])
    started = time.monotonic()
    if not request["is_network"]:
        arrays = load_arrays(root / named)
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        return {"arrays": shapes, "load_seconds": round(time.monotonic() - started, 3)}
    import torch  # noqa: PLC0415 torch stays out of the web process

    torch.set_num_threads(_THREADS)
    started = time.monotonic()
    network = open_network(root, named, threads=_THREADS)
    loaded = time.monotonic()
    output = _run(network, request)
    return {
        "input_shape": [1, request["channels"], *request["spatial_shape"]],
        "output_shape": list(output.shape),
        "is_finite": bool(output.isfinite().all()),
        "load_seconds": round(loaded - started, 3),
        "infer_seconds": round(time.monotonic() - loaded, 3),
    }


def _run(network: Any, request: dict[str, Any]) -> Any:
    import torch  # noqa: PLC0415 torch stays out of the web process

    shape = tuple(request["spatial_shape"])
    phantom = torch.from_numpy(make_phantom(shape, channels=request["channels"]))
    try:
        with torch.inference_mode():
            output = network(phantom[None])
    # torch and onnxruntime raise whatever the layer met; each means the same here.
    except Exception as error:
        size = "x".join(map(str, (request["channels"], *shape)))
        raise BundleInvalidError(f"The network can't take a picture of {size}.") from error
    first = output[0] if isinstance(output, (tuple, list)) else output
    return torch.as_tensor(first).float()
