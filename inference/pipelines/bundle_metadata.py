"""What a MONAI bundle says about itself."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.errors import BundleInvalidError

_VERSION = re.compile(r"^[\w.+-]{1,32}$")
_TASKS = ("classify", "detect", "segment", "embed")
# Words of people's own descriptions, looked for in this order.
_TASK_WORDS = (
    ("segment", "segment"),
    ("detect", "detect"),
    ("classif", "classify"),
    ("embed", "embed"),
)
# MONAI's sizes of any length: "*", "16*n", "2**p*n".
_MULTIPLE = re.compile(r"^(\d+)\s*\*\s*n$")
_POWER = re.compile(r"^(\d+)\s*\*\*\s*p(\s*\*\s*n)?$")
_USUAL_SIZE = 64


@dataclass(frozen=True)
class TensorFormat:
    """What ``network_data_format`` says of an input or output.

    Attributes
    ----------
    channels : 0 where the bundle doesn't say
    spatial_shape : sizes to try it with; empty where the bundle doesn't say
    is_fixed : whether the bundle gave every size as a number
    """

    channels: int = 0
    spatial_shape: tuple[int, ...] = ()
    is_fixed: bool = False


@dataclass(frozen=True)
class Declaration:
    """What a bundle adds for Twinsight, in ``metadata.json`` under ``twinsight``.

    Attributes
    ----------
    task : classify, detect, segment or embed; empty where it doesn't say
    pipeline : what runs it; ``bundle`` where it doesn't say
    inputs : what it may run on, see `inference.bundles.gates`
    labels : ``[{"name", "code", "scheme", "meaning"}]``
    metrics, config : as the registry keeps them
    licence : of the weights
    weights : path of the weights' file inside the bundle
    """

    task: str = ""
    pipeline: str = "bundle"
    inputs: dict[str, Any] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    weights: str = ""


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
    image, prediction : shapes of what goes in and comes out
    declared : what the bundle adds for Twinsight
    """

    name: str
    version: str
    task: str
    description: str
    intended_use: str
    modality: str
    labels: dict[int, str]
    image: TensorFormat = field(default_factory=TensorFormat)
    prediction: TensorFormat = field(default_factory=TensorFormat)
    declared: Declaration = field(default_factory=Declaration)

    @property
    def kind(self) -> str:
        """One of classify, detect, segment and embed: as declared, else from the task's words."""
        if self.declared.task:
            return self.declared.task
        words = self.task.lower()
        return next((kind for word, kind in _TASK_WORDS if word in words), "segment")


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
    raw = _read(bundle_dir)
    formats = _mapping(raw.get("network_data_format"))
    image = _mapping(_mapping(formats.get("inputs")).get("image"))
    prediction = _mapping(_mapping(formats.get("outputs")).get("pred"))
    channels = _mapping(prediction.get("channel_def"))
    return BundleMetadata(
        name=str(raw.get("name") or bundle_dir.name),
        version=str(raw["version"]),
        task=_text(raw, "task"),
        description=_text(raw, "description"),
        intended_use=_text(raw, "intended_use"),
        modality=_text(image, "modality"),
        labels={int(key): str(name) for key, name in channels.items() if str(key).isdigit()},
        image=_tensor_format(image),
        prediction=_tensor_format(prediction),
        declared=_declaration(raw),
    )


def check_metadata(bundle_dir: Path) -> None:
    """Check what registration needs of the metadata.

    Parameters
    ----------
    bundle_dir : folder of the bundle

    Raises
    ------
    BundleInvalidError
        An entry is missing or of the wrong kind; all such entries are named.
    """
    raw = _read(bundle_dir)
    problems = [] if _VERSION.match(str(raw["version"])) else ["version is no version"]
    formats = _mapping(raw.get("network_data_format"))
    for side, name in (("inputs", "image"), ("outputs", "pred")):
        where = f"network_data_format.{side}.{name}"
        described = _mapping(formats.get(side)).get(name)
        if not isinstance(described, dict):
            problems.append(f"{where} is missing")
        else:
            problems += [f"{where}.{problem}" for problem in _format_problems(described)]
    problems += _declaration_problems(raw.get("twinsight", {}))
    if problems:
        raise BundleInvalidError(f"configs/metadata.json: {'; '.join(problems)}.")


def _read(bundle_dir: Path) -> dict[str, Any]:
    try:
        text = (bundle_dir / "configs" / "metadata.json").read_text(encoding="utf-8")
        raw: dict[str, Any] = json.loads(text)
        str(raw["version"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleInvalidError(f"{bundle_dir.name} has no readable metadata.") from error
    return raw


def _format_problems(described: dict[str, Any]) -> list[str]:
    channels = described.get("num_channels", 1)
    shape = described.get("spatial_shape", [])
    names = described.get("channel_def", {})
    problems = []
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        problems.append("num_channels is no number of channels")
    if not isinstance(shape, list) or any(_size(side) is None for side in shape):
        problems.append("spatial_shape is no list of sizes")
    if not isinstance(names, dict) or not all(str(key).isdigit() for key in names):
        problems.append("channel_def is no mapping of numbers to names")
    return problems


def _declaration_problems(declared: Any) -> list[str]:
    if not isinstance(declared, dict):
        return ["twinsight is no object"]
    kinds = (
        ("pipeline", str),
        ("task", str),
        ("inputs", dict),
        ("labels", list),
        ("metrics", dict),
        ("config", dict),
        ("licence", str),
        ("weights", str),
    )
    problems = [
        f"twinsight.{key} is no {kind.__name__}"
        for key, kind in kinds
        if not isinstance(declared.get(key, kind()), kind)
    ]
    task = declared.get("task", "segment")
    return problems if task in _TASKS else [*problems, f"twinsight.task is none of {_TASKS}"]


def _tensor_format(described: dict[str, Any]) -> TensorFormat:
    channels, shape = described.get("num_channels"), described.get("spatial_shape")
    sides = [_size(side) for side in shape] if isinstance(shape, list) else []
    known = tuple(side for side in sides if side is not None)
    return TensorFormat(
        channels=channels if isinstance(channels, int) else 0,
        spatial_shape=known if len(known) == len(sides) else (),
        is_fixed=bool(sides) and all(isinstance(side, int) for side in shape or ()),
    )


def _size(side: object) -> int | None:
    """Return a size to try, None where MONAI's notation isn't kept to."""
    if isinstance(side, int) and not isinstance(side, bool):
        return side if side > 0 else None
    text = str(side).strip()
    if text == "*":
        return _USUAL_SIZE
    if found := _MULTIPLE.match(text):
        step = int(found[1])
        return step * max(1, -(-_USUAL_SIZE // step)) if step else None
    if found := _POWER.match(text):
        return _USUAL_SIZE if int(found[1]) == 2 else None
    return None


def _declaration(raw: dict[str, Any]) -> Declaration:
    told = _mapping(raw.get("twinsight"))
    return Declaration(
        task=_text(told, "task"),
        pipeline=_text(told, "pipeline") or "bundle",
        inputs=_mapping(told.get("inputs")),
        labels=[one for one in told.get("labels") or () if isinstance(one, dict)],
        metrics=_mapping(told.get("metrics")),
        config=_mapping(told.get("config")),
        licence=_text(told, "licence") or _text(raw, "license") or _text(raw, "copyright"),
        weights=_text(told, "weights"),
    )


def _text(values: dict[str, Any], key: str) -> str:
    return str(values.get(key) or "")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
