"""What of a bundle is code: read without running any of it."""

from __future__ import annotations

import json
import pickletools  # it runs none  # nosec B403
import re
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.bundles.allowed import (
    forbidden_arguments,
    may_name_in_weights,
    may_name_target,
)
from inference.errors import BundleInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

CONFIG_NAME = "configs/inference.json"
_OTHER_CONFIGS = ("configs/inference.yaml", "configs/inference.yml")
_MOST_REASONS = 20
_CODE_SUFFIXES = frozenset({".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".sh", ".exe"})
_WEIGHT_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".bin", ".ts"})
_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".dill"})
_PICKLE_START = re.compile(rb"^\x80[\x02-\x05]")
# MONAI's marks of merged, deleted and computed entries, and its signs between keys.
_CHANGING_KEY = re.compile(r"^[+~$%@]|::|#")
_ELF = b"\x7fELF"
_MOST_CODE = 4 << 20
_MOST_PICKLES = 5
_TORCHSCRIPT_DANGERS = re.compile(
    r"torch\.(?:save|load|from_file)\b|\bops\.(?!aten\b|prim\b|prims\b|quantized\b)\w+"
)


def scan_bundle(bundle_dir: Path) -> tuple[str, ...]:
    """Look for code in a bundle: expressions, parts outside the allow-list, scripts, pickles.

    Parameters
    ----------
    bundle_dir : folder of the bundle, with plain files only

    Returns
    -------
    why the bundle may not run unless an admin trusts it, one sentence each; empty where nothing
    of it is code

    Raises
    ------
    BundleInvalidError
        ``configs/inference.json`` is no JSON object.
    """
    found = [*_scan_configs(bundle_dir), *_scan_files(bundle_dir)]
    more = len(found) - _MOST_REASONS
    kept = found[:_MOST_REASONS]
    return tuple([*kept, f"and {more} more."] if more > 0 else kept)


def read_config(bundle_dir: Path) -> dict[str, Any]:
    """Read ``configs/inference.json``; empty where there is none.

    Raises
    ------
    BundleInvalidError
        It is no JSON object.
    """
    path = bundle_dir / CONFIG_NAME
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleInvalidError(f"{CONFIG_NAME} is no JSON.") from error
    if not isinstance(config, dict):
        raise BundleInvalidError(f"{CONFIG_NAME} is no JSON object.")
    return config


def scan_config(config: dict[str, Any]) -> list[str]:
    """Return why a configuration would run code, one sentence an entry."""
    return list(_scan_value(config, ""))


def _scan_configs(bundle_dir: Path) -> list[str]:
    others = [name for name in _OTHER_CONFIGS if (bundle_dir / name).is_file()]
    found = [f"{name}: only JSON is checked, so this runs only when trusted." for name in others]
    return found + [f"{CONFIG_NAME}, {one}" for one in scan_config(read_config(bundle_dir))]


def _scan_value(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _scan_mapping(value, where)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _scan_value(one, f"{where}::{index}")
    elif isinstance(value, str):
        text = value.strip()
        if text.startswith("$"):
            yield f"{_shown(where)}: the expression {_shown(text)!r} would be run."
        elif text.startswith("%"):
            yield f"{_shown(where)}: {_shown(text)!r} takes its content from elsewhere."


def _scan_mapping(value: dict[str, Any], where: str) -> Iterator[str]:
    if "_target_" in value:
        yield from _scan_target(value, where)
    for key, one in value.items():
        if _CHANGING_KEY.search(str(key)):
            yield f"{_shown(where)}: the key {_shown(str(key))!r} changes other entries."
        if key != "_target_":
            yield from _scan_value(one, f"{where}::{key}" if where else str(key))


def _scan_target(value: dict[str, Any], where: str) -> Iterator[str]:
    target = value["_target_"]
    if not may_name_target(target):
        yield f"{_shown(where)}: {_shown(str(target))!r} is not on the list of allowed parts."
        return
    arguments = {key: one for key, one in value.items() if key != "_target_"}
    for name in forbidden_arguments(target, arguments):
        yield f"{_shown(where)}: {target} may not be given {name!r}."


def _scan_files(bundle_dir: Path) -> Iterator[str]:
    for path in sorted(bundle_dir.rglob("*")):
        name = path.relative_to(bundle_dir).as_posix()
        if path.is_file() and "__pycache__" not in path.parts:
            yield from (f"{_shown(name)} {what}" for what in _scan_file(path))


def _scan_file(path: Path) -> Iterator[str]:
    suffix = path.suffix.lower()
    with path.open("rb") as stream:
        start = stream.read(64)
    if suffix in _WEIGHT_SUFFIXES:
        yield from _scan_weights(path, start)
    elif suffix in _PICKLE_SUFFIXES or _PICKLE_START.match(start):
        yield "is a pickle, which runs code when it is read."
    elif suffix in {".npy", ".npz"}:
        if _holds_objects(path):
            yield "holds Python objects, which run code when they are read."
    elif suffix in _CODE_SUFFIXES or start.startswith((_ELF, b"#!")):
        yield "is code."


def _scan_weights(path: Path, start: bytes) -> Iterator[str]:
    """Torch's files are pickles inside: they may name what makes tensors, and nothing else."""
    if not zipfile.is_zipfile(path):
        if _PICKLE_START.match(start):
            with path.open("rb") as stream:
                yield from _scan_pickles(stream)
        return
    with zipfile.ZipFile(path) as archive:
        is_script = any("/code/" in name for name in archive.namelist())
        for name in archive.namelist():
            if name.endswith(".pkl") and not is_script:
                with archive.open(name) as stream:
                    yield from _scan_pickles(stream)
            if is_script and name.endswith(".py"):
                yield from _scan_script(archive.read(name)[:_MOST_CODE])


def _scan_script(code: bytes) -> Iterator[str]:
    danger = _TORCHSCRIPT_DANGERS.search(code.decode("utf-8", "replace"))
    if danger:
        yield f"is TorchScript that calls {danger[0]}."


def _scan_pickles(stream: IO[bytes]) -> Iterator[str]:
    seen = set()
    # What isn't a pickle to its end is refused where it is loaded.
    with suppress(ValueError):
        # Files of torch before 1.6 are several pickles in a row; the tensors follow.
        for _ in range(_MOST_PICKLES):
            for opcode, argument, _position in pickletools.genops(stream):
                named = str(argument) if opcode.name in {"GLOBAL", "INST"} else ""
                if opcode.name == "STACK_GLOBAL":
                    named = "something by a name put together"
                if named and not may_name_in_weights(named):
                    seen.add(named.replace(" ", "."))
    for named in sorted(seen):
        yield f"is a pickle that names {_shown(named)}."


def _holds_objects(path: Path) -> bool:
    """Whether numpy would have to unpickle it, by the headers of its arrays alone."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as stream:
                return _has_object_type(stream)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as stream:
                    if _has_object_type(stream):
                        return True
    except (ValueError, OSError, zipfile.BadZipFile):
        return True
    return False


def _has_object_type(stream: IO[bytes]) -> bool:
    major, _minor = np.lib.format.read_magic(stream)
    if major == 1:
        _shape, _order, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        _shape, _order, dtype = np.lib.format.read_array_header_2_0(stream)
    return dtype.hasobject


def _shown(text: str) -> str:
    """Text of a stranger's file, short and on one line."""
    return " ".join(text.split())[:80] or "top level"
