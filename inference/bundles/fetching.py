"""Get a bundle from where it lies: a folder, a zip, an address, or MONAI's Model Zoo."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from archive.errors import InvalidRequestError
from inference.bundles.unpacking import MOST_BYTES
from inference.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_PATIENCE_S = 30
ZOO_TIMEOUT_S = 3600
_ZOO_PROGRAM = (
    "import sys\n"
    "from monai.bundle import download\n"
    "name, version, folder = sys.argv[1:]\n"
    "download(name=name, version=version or None, bundle_dir=folder, progress=False)\n"
)


@contextmanager
def fetched(name: str, source: str = "", *, version: str = "") -> Iterator[tuple[Path, str]]:
    """Have a bundle at hand.

    Parameters
    ----------
    name : of the bundle, as the Model Zoo has it
    source : folder, zip, or https address of a zip; the Model Zoo where it is empty
    version : of the Zoo's bundle; the newest where it is empty

    Yields
    ------
    its folder or zip, gone after the ``with`` block unless it was here, and where it came from

    Raises
    ------
    ModelUnavailableError
        It can't be had; the message says what to do.
    InvalidRequestError
        The source is neither here nor an address.
    """
    scheme = urlsplit(source).scheme.lower()
    if source and scheme not in {"http", "https", "file"}:
        path = Path(source)
        if not path.exists():
            raise InvalidRequestError(f"There is no {source} here, and it is no https address.")
        yield path, str(path.resolve())
        return
    with tempfile.TemporaryDirectory(prefix="bundle-fetch-") as folder:
        if source:
            yield _download(source, Path(folder) / f"{name}.zip"), source
        else:
            yield _from_zoo(name, version, Path(folder)), _zoo_address(name, version)


def _download(address: str, target: Path) -> Path:
    if urlsplit(address).scheme.lower() != "https":
        raise InvalidRequestError("A bundle comes by https, or from a file or folder here.")
    left = MOST_BYTES
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "twinsight"})  # noqa: S310 https only, see above
        with (
            urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer,  # noqa: S310
            target.open("wb") as to,
        ):
            while chunk := answer.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise ModelUnavailableError("The bundle is too large.")
                to.write(chunk)
    except (urllib.error.URLError, OSError) as error:
        raise ModelUnavailableError(
            f"{address} can't be reached from here. Fetch the zip on a machine with network, copy"
            " it to this one, and name its path as --source."
        ) from error
    return target


def _from_zoo(name: str, version: str, folder: Path) -> Path:
    """Let MONAI find and fetch it, in a process that can be ended: it waits without limit."""
    try:
        subprocess.run(  # noqa: S603 our own interpreter and program, no shell
            [sys.executable, "-c", _ZOO_PROGRAM, name, version, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ZOO_TIMEOUT_S,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ModelUnavailableError(
            f"MONAI's Model Zoo can't be reached from here, or has no bundle {name}. On a machine"
            ' with network and MONAI: python -c "from monai.bundle import download;'
            f" download(name='{name}', bundle_dir='DIR')\". Copy DIR/{name} to this machine, then:"
            f" manage.py models install {name} --source DIR/{name}"
        ) from error
    return folder / name


def _zoo_address(name: str, version: str) -> str:
    return f"MONAI Model Zoo: {name} {version}".rstrip()
