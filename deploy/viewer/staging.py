"""From the package to a folder that can be served: chosen, rewritten, compressed, swapped in."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from deploy.viewer.corrections import correct_script, corrections
from deploy.viewer.release import INTEGRITY, PACKAGE, VERSION, ViewerInstallError
from deploy.viewer.rewriting import (
    PUBLIC_URL_SCRIPT,
    public_url_script,
    rewrite_page,
    rewrite_script,
    rewrite_style,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENTS = "viewer.json"
_DIST = "package/dist/"
# Maps, the runtime and models of a segmentation tool (113 MB), the microscopy viewer, whose path
# is fixed to `/`, examples, and scripts that name other hosts.
_DROPPED_FOLDERS = ("ort", "dicom-microscopy-viewer", "customizations")
_DROPPED_FILES = frozenset(
    {
        "_headers",
        "_redirects",
        "app-config.js",
        "es6-shim.min.js",
        "google.js",
        "init-service-worker.js",
        "manifest.json",
        "oidc-client.min.js",
        "polyfill.min.js",
        "serve.json",
        "silent-refresh.html",
        "sw.js",
    }
)
_DROPPED_ASSETS = (
    "android-",
    "apple-",
    "browserconfig",
    "coast-",
    "firefox_",
    "manifest.",
    "mstile-",
    "yandex-",
)
_COMPRESSED = frozenset({".js", ".css", ".svg", ".wasm", ".html", ".json"})
_COMPRESSED_FROM_BYTES = 1024


@dataclass(frozen=True)
class Staged:
    """What was installed: how many files, their bytes raw and as sent where compression helps."""

    folder: Path
    files: int
    raw_bytes: int
    sent_bytes: int


def stage_package(package: Path, target: Path, *, prefix: str) -> Staged:
    """Unpack the viewer beside its place and put it there in one step.

    Raises
    ------
    ViewerInstallError
        The package isn't built like the pinned release, or the folder can't be written; what
        was installed before is still there.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".viewer-") as made:
            fresh = Path(made) / "fresh"
            fresh.mkdir()
            staged = _fill(package, fresh, prefix)
            if target.exists():
                target.rename(Path(made) / "former")
            fresh.rename(target)
    except (OSError, tarfile.TarError) as error:
        message = f"The viewer could not be unpacked into {target}: {error}."
        raise ViewerInstallError(message) from error
    return Staged(target, *staged)


def _fill(package: Path, folder: Path, prefix: str) -> tuple[int, int, int]:
    """Write the viewer's files and their list; return their number and bytes."""
    contents: dict[str, dict[str, int | bool]] = {}
    sent = 0
    for name, content in _rewritten(package, prefix):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        is_compressed = _worth_compressing(name, content)
        if is_compressed:
            packed = gzip.compress(content, compresslevel=9, mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(packed)
            sent += len(packed)
        else:
            sent += len(content)
        contents[name] = {"bytes": len(content), "gzip": is_compressed}
    if "index.html" not in contents:
        message = f"{package.name} holds no viewer: index.html is missing."
        raise ViewerInstallError(message)
    listed = {"package": PACKAGE, "version": VERSION, "integrity": INTEGRITY, "prefix": prefix}
    text = json.dumps({**listed, "files": contents}, indent=1, sort_keys=True)
    (folder / CONTENTS).write_text(text, encoding="utf-8")
    return len(contents), sum(int(one["bytes"]) for one in contents.values()), sent


def _rewritten(package: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    yield PUBLIC_URL_SCRIPT, public_url_script(prefix).encode()
    mended: Counter[int] = Counter()
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix(_DIST)
            if not member.isfile() or name == member.name or not is_kept(name):
                continue
            file = archive.extractfile(member)
            if file is not None:
                yield name, _for_the_prefix(name, file.read(), prefix, mended)
    for number, one in enumerate(corrections()):
        if mended[number] != one.files:
            message = (
                f"{package.name} is not built like the pinned release: {mended[number]} files "
                f"instead of {one.files} hold what must be mended. {one.reason}"
            )
            raise ViewerInstallError(message)


def is_kept(name: str) -> bool:
    """Whether a file of the package is served; nothing that leads out of its folder is."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.suffix in {".map", ".gz"}:
        return False
    if path.parts[0] in _DROPPED_FOLDERS or name in _DROPPED_FILES:
        return False
    return not (path.parts[0] == "assets" and path.name.startswith(_DROPPED_ASSETS))


def _for_the_prefix(name: str, content: bytes, prefix: str, mended: Counter[int]) -> bytes:
    if name == "index.html":
        return rewrite_page(content.decode(), prefix).encode()
    if name.endswith(".js"):
        text, numbers = correct_script(content.decode())
        mended.update(numbers)
        return rewrite_script(name, text, prefix).encode()
    if name.endswith(".css"):
        return rewrite_style(content.decode(), prefix).encode()
    return content


def _worth_compressing(name: str, content: bytes) -> bool:
    is_text = PurePosixPath(name).suffix in _COMPRESSED
    return is_text and len(content) >= _COMPRESSED_FROM_BYTES


def remove_viewer(target: Path) -> bool:
    """Remove what was installed; return whether there was anything."""
    if not target.exists():
        return False
    try:
        shutil.rmtree(target)
    except OSError as error:
        message = f"{target} could not be removed: {error.strerror}."
        raise ViewerInstallError(message) from error
    return True
