"""What `manage.py check` and every start say of settings that can't work."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from archive.storage.s3_places import s3_place


def check_storage(**_kwargs: Any) -> list[CheckMessage]:
    """Find a storage URL that names no place, before the first image comes; nobody is asked."""
    url = settings.TWINSIGHT_STORAGE_URL
    scheme = urlsplit(url).scheme
    if scheme == "file":
        return []
    if scheme != "s3":
        words = "TWINSIGHT_STORAGE_URL must be file:///… or s3://bucket/…"
        return [Error(words, id="archive.E001")]
    try:
        s3_place(url)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="archive.E001")]
    if find_spec("boto3") is None:
        words = "Images in S3 need the extra s3: pip install 'twinsight[s3]'."
        return [Error(words, id="archive.E002")]
    return []


def register_checks() -> None:
    """Have them asked with Django's own."""
    register(check_storage, "storage")
