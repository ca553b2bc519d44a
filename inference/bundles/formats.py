"""In which file of a bundle the weights lie, and in which format."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from inference.errors import BundleInvalidError

if TYPE_CHECKING:
    from pathlib import Path


class WeightsFormat(StrEnum):
    """How weights are kept."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    STATE_DICT = "state_dict"
    ARRAYS = "npz"


@dataclass(frozen=True)
class WeightsFile:
    """A bundle's weights.

    Attributes
    ----------
    path : the file
    format : told from its content, where the suffix leaves it open
    """

    path: Path
    format: WeightsFormat

    @property
    def needs_network(self) -> bool:
        """Whether the file holds numbers only: what they are the weights of is told elsewhere."""
        return self.format in {WeightsFormat.SAFETENSORS, WeightsFormat.STATE_DICT}


_ORDER = (".safetensors", ".onnx", ".ts", ".pt", ".npz")
_SUFFIXES = {
    ".safetensors": WeightsFormat.SAFETENSORS,
    ".onnx": WeightsFormat.ONNX,
    ".npz": WeightsFormat.ARRAYS,
}


def find_weights(bundle_dir: Path, named: str = "", *, has_network: bool) -> WeightsFile:
    """Find the weights of a bundle.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    named : path inside the bundle, where its metadata names one
    has_network : whether the bundle's configuration describes a network to load weights into

    Returns
    -------
    WeightsFile

    Raises
    ------
    BundleInvalidError
        There is none, or none that can be used without a network's description.
    """
    if named:
        path = (bundle_dir / named).resolve()
        if not path.is_relative_to(bundle_dir.resolve()) or not path.is_file():
            raise BundleInvalidError(f"The bundle has no file {named[:80]}.")
        return WeightsFile(path, format_of(path))
    found = [WeightsFile(path, format_of(path)) for path in _candidates(bundle_dir / "models")]
    usable = [one for one in found if has_network or not one.needs_network]
    if usable:
        return usable[0]
    if found:
        raise BundleInvalidError(
            f"{found[0].path.name} holds numbers only, and configs/inference.json has no"
            " network_def to load them into."
        )
    raise BundleInvalidError("The bundle has no weights in models/.")


def format_of(path: Path) -> WeightsFormat:
    """Return the format of a file of weights; torch's two kinds are told apart by content."""
    known = _SUFFIXES.get(path.suffix.lower())
    if known is not None:
        return known
    return WeightsFormat.TORCHSCRIPT if is_torchscript(path) else WeightsFormat.STATE_DICT


def is_torchscript(path: Path) -> bool:
    """Whether a file is a network with its code, as ``torch.jit.save`` writes it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _candidates(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix in _ORDER]
    return sorted(files, key=lambda path: (path.stem != "model", _ORDER.index(path.suffix), path))
