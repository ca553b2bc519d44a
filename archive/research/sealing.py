"""Sealed text: encrypted and authenticated by keys that lie outside the database."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from archive.models import PseudonymRealm
from archive.research.errors import SealError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BYTES = 32


def seal(text: str) -> str:
    """Encrypt under the first key."""
    return _ring().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt what any of the keys sealed.

    Raises
    ------
    SealError
        None of them did, or the text was changed.
    """
    try:
        return _ring().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealError("It was sealed under a key that is not here any more.") from error


def is_current(sealed: str) -> bool:
    """Whether a text is sealed under the first key."""
    try:
        _fernet(_keys()[0]).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def has_key_file() -> bool:
    """Whether the keys are the file of this installation, and not the environment's matter."""
    return not settings.TWINSIGHT_PSEUDONYM_KEYS


@contextlib.contextmanager
def changing_keys() -> Iterator[None]:
    """Keep other commands from the keys: of what two write at once, one key would be lost.

    Raises
    ------
    SealError
        Another one is at it.
    """
    if not has_key_file():
        yield
        return
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (path.parent / f".{path.name}-lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SealError("Another command changes the keys just now.") from error
        yield


def add_key() -> None:
    """Put a new key before those in the file: from now on it seals, the others still open."""
    _write([secrets.token_urlsafe(_BYTES), *_keys()])


def keep_first_key() -> None:
    """Forget all keys in the file but the one that seals."""
    _write(_keys()[:1])


def _ring() -> MultiFernet:
    return MultiFernet([_fernet(key) for key in _keys()])


def _fernet(key: str) -> Fernet:
    derived = hmac.new(key.encode(), b"twinsight pseudonyms", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(derived))


def _keys() -> Sequence[str]:
    """Return the keys, read anew each time: a rotation holds for every process at once."""
    if settings.TWINSIGHT_PSEUDONYM_KEYS:
        named: list[str] = settings.TWINSIGHT_PSEUDONYM_KEYS
        return named
    path = _path()
    if not path.exists():
        if PseudonymRealm.objects.exists():
            raise SealError(f"The key of the pseudonyms is gone: bring {path} back from a backup.")
        _create(path)
    keys = path.read_text(encoding="utf-8").split()
    if not keys:
        raise SealError(f"{path} holds no key.")
    return keys


def _path() -> Path:
    return Path(settings.TWINSIGHT_PSEUDONYM_KEYS_PATH)


def _create(path: Path) -> None:
    """Write a first key, unless another process was quicker."""
    part = _written(path, [secrets.token_urlsafe(_BYTES)])
    try:
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()


def _write(keys: Sequence[str]) -> None:
    _written(_path(), keys).replace(_path())


def _written(path: Path, keys: Sequence[str]) -> Path:
    """Return a durable file beside the path, for its owner alone (mkstemp makes it 0600)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
