"""David Clunie's validator, from the Debian package dicom3tools; skips where it is absent."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

PROGRAM = shutil.which("dciodvfy")


def errors_of(ds: Dataset, folder: Path) -> list[str]:
    """What the validator has against an object that it was written as."""
    if PROGRAM is None:
        pytest.skip("dciodvfy of Debian's dicom3tools is not installed")
    path = folder / "object.dcm"
    ds.save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [PROGRAM, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert said, "the validator says at least which object it took it for"
    return [line for line in said if line.startswith("Error") or "egmentation fault" in line]
