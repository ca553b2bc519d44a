"""Run a bundle that nobody trusted: its parts are ours, only their order isn't.

Of the bundle's configuration only ``preprocessing``, ``network_def``, ``inferer`` and
``postprocessing`` are read, after it was found to name allowed parts only and no expression.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.bundles.networks import open_network
from inference.bundles.scanning import read_config, scan_config
from inference.errors import BundleNotTrustedError
from inference.pipelines.bundle_process import quick_inferer

if TYPE_CHECKING:
    from monai.bundle.config_parser import ConfigParser

_PREPROCESSING = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
]
_POSTPROCESSING = [
    {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
    {
        "_target_": "Invertd",
        "keys": "pred",
        "transform": "@preprocessing",
        "orig_keys": "image",
        "nearest_interp": True,
        "to_tensor": True,
    },
]
_SAVING = {
    "_target_": "SaveImaged",
    "keys": "pred",
    "output_dir": "@output_dir",
    "output_postfix": "seg",
    "separate_folder": False,
    "resample": False,
    "print_log": False,
}


def run_declared(request: dict[str, Any]) -> dict[str, Any]:
    """Run a bundle's network between its own pre- and postprocessing.

    Parameters
    ----------
    request : as for `bundle_process.run_trusted`, and ``weights``, the file's path in the bundle

    Returns
    -------
    ``input_shape`` and ``output_shape`` of the network, ``is_finite``, ``load_seconds``,
    ``infer_seconds``

    Raises
    ------
    BundleNotTrustedError
        The configuration holds an expression or names other parts.
    """
    import torch  # noqa: PLC0415 torch stays out of the web process
    from monai.data.meta_tensor import MetaTensor  # noqa: PLC0415

    root = Path(request["bundle_root"])
    started = time.monotonic()
    parser = _parser(root, request["output_dir"])
    network = open_network(root, str(request.get("weights", "")), device=request["device"])
    loaded = time.monotonic()
    data = parser.get_parsed_content("preprocessing")({"image": request["image"]})
    image = data["image"]
    inferer = quick_inferer(parser.get_parsed_content("inferer"), request)
    with torch.inference_mode():
        batch = torch.as_tensor(image)[None].float().to(request["device"])
        predicted = inferer(batch, network)
    first = predicted[0] if isinstance(predicted, (tuple, list)) else predicted
    output = torch.as_tensor(first).float().cpu()
    data["pred"] = MetaTensor(
        output[0], meta=image.meta, applied_operations=image.applied_operations
    )
    parser.get_parsed_content("postprocessing")(data)
    return {
        "input_shape": list(batch.shape),
        "output_shape": list(output.shape),
        "is_finite": bool(output.isfinite().all()),
        "load_seconds": round(loaded - started, 3),
        "infer_seconds": round(time.monotonic() - loaded, 3),
    }


def _parser(root: Path, output_dir: str) -> ConfigParser:
    from monai.bundle.config_parser import ConfigParser as Parser  # noqa: PLC0415

    config = read_config(root)
    if reasons := scan_config(config):
        raise BundleNotTrustedError(f"The bundle needs trust: {reasons[0]}")
    steps = {
        "preprocessing": config.get("preprocessing") or _composed(_PREPROCESSING),
        "postprocessing": config.get("postprocessing") or _composed(_POSTPROCESSING),
    }
    if "SaveImage" not in str(steps["postprocessing"]):
        transforms = steps["postprocessing"].get("transforms") or []
        steps["postprocessing"] = _composed([*transforms, _SAVING])
    inferer = config.get("inferer") or {"_target_": "SimpleInferer"}
    return Parser(config | steps | {"inferer": inferer, "output_dir": output_dir}, globals=False)


def _composed(transforms: list[Any]) -> dict[str, Any]:
    return {"_target_": "Compose", "transforms": transforms}
