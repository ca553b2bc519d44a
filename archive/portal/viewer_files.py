"""The installed OHIF viewer: its files on disk, as `manage.py install_viewer` listed them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONTENTS = "viewer.json"
_HASHED = re.compile(r"(?:^|\.)[0-9a-f]{16}\.")


@dataclass(frozen=True)
class ViewerFile:
    """One file of the viewer: where it lies, and whether it lies there compressed, too."""

    path: Path
    is_compressed: bool
    etag: str
    # Its name changes with its content.
    is_hashed: bool


@dataclass(frozen=True)
class InstalledViewer:
    """A release of the viewer and its files; only what is listed is ever served."""

    folder: Path
    version: str
    files: Mapping[str, Mapping[str, Any]]

    def file(self, name: str) -> ViewerFile | None:
        """Return the file of that name, where the list has it."""
        entry = self.files.get(name)
        if entry is None:
            return None
        return ViewerFile(
            path=self.folder / name,
            is_compressed=bool(entry["gzip"]),
            etag=f'"{self.version}-{entry["bytes"]}"',
            is_hashed=bool(_HASHED.search(name)),
        )


def installed_viewer() -> InstalledViewer | None:
    """Return the viewer that is installed now; it may come and go while the program runs."""
    folder: Path = settings.TWINSIGHT_VIEWER_DIR
    try:
        changed_ns = (folder / CONTENTS).stat().st_mtime_ns
    except OSError:
        return None
    return _read(folder, changed_ns)


@lru_cache(maxsize=4)
def _read(folder: Path, _changed_ns: int) -> InstalledViewer | None:
    try:
        listed = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        return InstalledViewer(folder, str(listed["version"]), listed["files"])
    except (OSError, ValueError, KeyError):
        return None


def ohif_address(study_uid: str, series_uid: str = "", instance_uid: str = "") -> str:
    """Return where OHIF shows a study, a part of it first; empty where OHIF isn't installed."""
    if installed_viewer() is None:
        return ""
    asked = {"StudyInstanceUIDs": study_uid}
    if series_uid:
        asked["initialSeriesInstanceUID"] = series_uid
    if instance_uid:
        asked["initialSOPInstanceUID"] = instance_uid
    return f"{reverse('portal:ohif')}viewer?{urlencode(asked)}"
