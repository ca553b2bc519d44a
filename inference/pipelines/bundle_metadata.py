"""What a MONAI bundle says about itself."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import BundleInvalidError


@dataclass(frozen=True)
class BundleMetadata:
    """The parts of ``configs/metadata.json`` that the registry keeps.

    Attributes
    ----------
    name : short name; the folder's where the bundle has none
    version : of the bundle
    task, description, intended_use : for people
    modality : of the input image, such as ``MR``; empty where the bundle doesn't say
    labels : value of the output's label map to name
    """

    name: str
    version: str
    task: str
    description: str
    intended_use: str
    modality: str
    labels: dict[int, str]


def read_metadata(bundle_dir: Path) -> BundleMetadata:
    """Read a bundle's metadata; nothing in it is executed.

    Parameters
    ----------
    bundle_dir : folder of the bundle

    Returns
    -------
    BundleMetadata

    Raises
    ------
    BundleInvalidError
        The file is absent, no JSON object, or lacks the version.
    """
    try:
        text = (bundle_dir / "configs" / "metadata.json").read_text(encoding="utf-8")
        raw = json.loads(text)
        version = str(raw["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleInvalidError(f"{bundle_dir.name} has no readable metadata.") from error
    formats = _mapping(raw.get("network_data_format"))
    image = _mapping(_mapping(formats.get("inputs")).get("image"))
    prediction = _mapping(_mapping(formats.get("outputs")).get("pred"))
    channels = _mapping(prediction.get("channel_def"))
    return BundleMetadata(
        name=str(raw.get("name") or bundle_dir.name),
        version=version,
        task=str(raw.get("task", "")),
        description=str(raw.get("description", "")),
        intended_use=str(raw.get("intended_use", "")),
        modality=str(image.get("modality", "")),
        labels={int(key): str(name) for key, name in channels.items() if str(key).isdigit()},
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
