"""Which bundle may run: the one whose files are, byte for byte, those that were trusted."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from inference.errors import BundleInvalidError, BundleNotTrustedError

_CHUNK = 1 << 20
# Written by Python and by editors beside the files; never part of a bundle.
_IGNORED = frozenset({"__pycache__", ".DS_Store"})


def digest_bundle(bundle_dir: Path) -> str:
    """Return the SHA-256 over a bundle's file names and contents.

    Parameters
    ----------
    bundle_dir : folder of the bundle

    Returns
    -------
    64 lower-case hexadecimal digits; the same for the same files wherever they lie

    Raises
    ------
    BundleInvalidError
        The folder is absent or empty, or holds a link or something else that is no plain file.
    """
    return _digest_and_copy(bundle_dir, None)


@contextmanager
def trusted_copy(bundle_dir: Path, digest: str) -> Iterator[Path]:
    """Copy a bundle to a private folder and verify the copy, so that nobody changes it between.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    digest : what `digest_bundle` said when an administrator trusted it

    Yields
    ------
    the private folder; it is gone after the ``with`` block

    Raises
    ------
    BundleNotTrustedError
        The files are not the trusted ones.
    BundleInvalidError
        As for `digest_bundle`.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        copy = Path(folder) / "bundle"
        copy.mkdir()
        if _digest_and_copy(bundle_dir, copy) != digest:
            raise BundleNotTrustedError(
                f"The files of {bundle_dir.name} are not the ones that were trusted."
            )
        yield copy


def _digest_and_copy(bundle_dir: Path, target: Path | None) -> str:
    total = hashlib.sha256()
    for path in _bundle_files(bundle_dir):
        name = path.relative_to(bundle_dir).as_posix()
        content = _file_digest_and_copy(path, None if target is None else target / name)
        total.update(f"{len(name)}:{name}:{content}\n".encode())
    return total.hexdigest()


def _file_digest_and_copy(path: Path, copy: Path | None) -> str:
    content = hashlib.sha256()
    with path.open("rb") as stream, ExitStack() as stack:
        copied = None
        if copy is not None:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copied = stack.enter_context(copy.open("wb"))
        while chunk := stream.read(_CHUNK):
            content.update(chunk)
            if copied is not None:
                copied.write(chunk)
    return content.hexdigest()


def _bundle_files(bundle_dir: Path) -> list[Path]:
    if not bundle_dir.is_dir():
        raise BundleInvalidError(f"The bundle {bundle_dir.name} is not on this machine.")
    files = []
    for path in sorted(bundle_dir.rglob("*"), key=lambda one: one.relative_to(bundle_dir).parts):
        if _IGNORED & set(path.relative_to(bundle_dir).parts):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleInvalidError(f"The bundle {bundle_dir.name} holds more than plain files.")
        if path.is_file():
            files.append(path)
    if not files:
        raise BundleInvalidError(f"The bundle {bundle_dir.name} is empty.")
    return files


def copy_bundle(bundle_dir: Path, target: Path) -> str:
    """Copy a bundle's plain files to an existing folder; return the digest of the copy.

    Raises
    ------
    BundleInvalidError
        As for `digest_bundle`.
    """
    return _digest_and_copy(bundle_dir, target)


def install_bundle(bundle_dir: Path, models_dir: Path, name: str = "") -> Path:
    """Copy a bundle into the models folder under its name and digest.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    models_dir : folder of installed models, made if absent
    name : how the copy is called; the folder's own name where it is empty

    Returns
    -------
    the installed folder; an identical bundle that is there already is left as it is

    Raises
    ------
    BundleInvalidError
        As for `digest_bundle`.
    """
    digest = digest_bundle(bundle_dir)
    target = models_dir / f"{name or bundle_dir.resolve().name}-{digest[:16]}"
    if target.is_dir() and digest_bundle(target) == digest:
        return target
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".install-", dir=models_dir) as folder:
        copy = Path(folder) / "bundle"
        copy.mkdir()
        if _digest_and_copy(bundle_dir, copy) != digest:
            raise BundleInvalidError(f"The bundle {bundle_dir.name} changed while being copied.")
        if target.exists():
            shutil.rmtree(target)
        copy.rename(target)
    return target
