"""Which blob store the settings name."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from archive.storage.local import LocalBlobStore
from archive.storage.s3 import S3BlobStore
from archive.storage.s3_client import Access
from archive.storage.s3_places import s3_place
from archive.storage.types import BlobStore


@lru_cache(maxsize=8)
def open_store(url: str, reserve_bytes: int, cache_bytes: int | None = None) -> BlobStore:
    """Open the store that a URL names, once.

    Parameters
    ----------
    url
        ``file:///…`` or ``s3://…``
    reserve_bytes
        what is left free on the local disk
    cache_bytes
        what local copies of an object store may take; the settings say it where it is not given

    Raises
    ------
    ImproperlyConfigured
        It names no store.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalBlobStore(Path(unquote(parts.path)), reserve_bytes=reserve_bytes)
    if parts.scheme == "s3":
        limit = settings.TWINSIGHT_STORAGE_CACHE_BYTES if cache_bytes is None else cache_bytes
        return _s3_store(url, reserve_bytes, int(limit))
    # Not repeated: it may be anything, with a password in it.
    message = "TWINSIGHT_STORAGE_URL must be file:///… or s3://bucket/…"
    raise ImproperlyConfigured(message)


def _s3_store(url: str, reserve_bytes: int, limit_bytes: int) -> S3BlobStore:
    access = Access(
        access_key=settings.TWINSIGHT_STORAGE_ACCESS_KEY,
        secret_key=settings.TWINSIGHT_STORAGE_SECRET_KEY,
        timeout_s=float(settings.TWINSIGHT_STORAGE_TIMEOUT_S),
    )
    return S3BlobStore(
        s3_place(url),
        access,
        Path(settings.TWINSIGHT_STORAGE_CACHE_DIR),
        limit_bytes=limit_bytes,
        reserve_bytes=reserve_bytes,
    )


def blob_store() -> BlobStore:
    """Return the store of the current settings; opening it twice gives the same one."""
    return open_store(settings.TWINSIGHT_STORAGE_URL, int(settings.TWINSIGHT_STORAGE_RESERVE_BYTES))
