"""Where in an object store the blobs lie, as ``TWINSIGHT_STORAGE_URL`` says it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_FORM = "s3://bucket/prefix?endpoint=https://…&region=…"
_KNOWN = {"endpoint", "region", "sse", "kms_key"}
_ENCRYPTIONS = {"", "AES256", "aws:kms", "aws:kms:dsse"}


@dataclass(frozen=True)
class S3Place:
    """A bucket, a prefix in it, and the address of its server; no credentials."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    encryption: str = ""
    kms_key: str = ""

    def key(self, sha256: str) -> str:
        """Return the name of a blob's object: the same path that a folder has."""
        return f"{self.prefix}sha256/{sha256[:2]}/{sha256}"

    @property
    def blobs(self) -> str:
        """What the names of all blobs begin with."""
        return f"{self.prefix}sha256/"


def s3_place(url: str) -> S3Place:
    """Read the URL of a bucket.

    Parameters
    ----------
    url
        ``s3://bucket/prefix``; in its query the ``endpoint`` of a server that is not Amazon's,
        the ``region``, and ``sse`` (with ``kms_key``) where the server is to encrypt

    Raises
    ------
    ImproperlyConfigured
        It is no such URL, or holds credentials, which belong elsewhere; they are not repeated.
    """
    try:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        ends = urlsplit(query.get("endpoint", ""))
        has_credentials = "@" in parts.netloc or "@" in ends.netloc
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"TWINSIGHT_STORAGE_URL is no {_FORM}.") from error
    if has_credentials:
        message = (
            "TWINSIGHT_STORAGE_URL holds credentials. They belong into TWINSIGHT_STORAGE_ACCESS_KEY"
            " and TWINSIGHT_STORAGE_SECRET_KEY, or where AWS's own programs look for them."
        )
        raise ImproperlyConfigured(message)
    unknown = sorted(query.keys() - _KNOWN)
    if unknown:
        # A name misspelt would put images somewhere else, or there without encryption.
        message = f"TWINSIGHT_STORAGE_URL knows {sorted(_KNOWN)}, not {unknown}."
        raise ImproperlyConfigured(message)
    is_good_end = not query.get("endpoint") or (ends.scheme in {"http", "https"} and ends.hostname)
    if parts.scheme != "s3" or not parts.hostname or port is not None or not is_good_end:
        raise ImproperlyConfigured(f"TWINSIGHT_STORAGE_URL is no {_FORM}.")
    if query.get("sse", "") not in _ENCRYPTIONS:
        message = f"sse of TWINSIGHT_STORAGE_URL is one of {sorted(_ENCRYPTIONS - {''})}."
        raise ImproperlyConfigured(message)
    prefix = unquote(parts.path).strip("/")
    return S3Place(
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=query.get("endpoint") or None,
        region=query.get("region") or None,
        encryption=query.get("sse", ""),
        kms_key=query.get("kms_key", ""),
    )
