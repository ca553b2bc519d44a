"""The one place that reads weights from files; never with pickle's full powers."""

from pathlib import Path
from typing import Any

from inference.errors import BundleInvalidError


def load_state_dict(path: Path) -> dict[str, Any]:
    """Read a torch state dict.

    Parameters
    ----------
    path : file written by ``torch.save(module.state_dict())``

    Returns
    -------
    parameter name to tensor, on the CPU

    Raises
    ------
    BundleInvalidError
        The file is absent, damaged or holds more than tensors.
    """
    import torch  # noqa: PLC0415 torch stays out of the web process

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # torch raises whatever its unpickler met; each means the same to the caller.
    except Exception as error:
        raise BundleInvalidError(f"{path.name} holds no readable weights.") from error
    if not isinstance(state, dict):
        raise BundleInvalidError(f"{path.name} holds no state dict.")
    return state
