"""Which blob store the settings name."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from archive.storage.local import LocalBlobStore
from archive.storage.types import BlobStore


@lru_cache(maxsize=8)
def _open_store(url: str, reserve_bytes: int) -> BlobStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalBlobStore(Path(unquote(parts.path)), reserve_bytes=reserve_bytes)
    message = f"TWINSIGHT_STORAGE_URL must be file:///…, not {parts.scheme or url!r}."
    raise ImproperlyConfigured(message)


def blob_store() -> BlobStore:
    """Return the store of the current settings; opening it twice gives the same one."""
    return _open_store(
        settings.TWINSIGHT_STORAGE_URL, int(settings.TWINSIGHT_STORAGE_RESERVE_BYTES)
    )
