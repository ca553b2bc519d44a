"""Object stores that an operator named: images without identity are put there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from archive.errors import PeerRefusedError, PeerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_S, _READ_S, _ATTEMPTS = 5, 60, 3
# Answers that are not worth asking again.
_FOR_GOOD = range(400, 500)


@dataclass(frozen=True)
class Bucket:
    """Where objects go: in which bucket, under which prefix, at whose address."""

    name: str
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None


def known_buckets() -> dict[str, Bucket]:
    """Return the buckets of the settings by their names; none where the extra is missing."""
    if find_spec("boto3") is None:
        return {}
    found = [_bucket(text) for text in settings.TWINSIGHT_EXPORT_BUCKETS]
    return {one.name: one for one in found}


def _bucket(text: str) -> Bucket:
    name, _, url = text.partition("=")
    parts = urlsplit(url.strip())
    query = parse_qs(parts.query)
    endpoint = query.get("endpoint", [""])[0]
    is_good = not endpoint or urlsplit(endpoint).scheme in {"http", "https"}
    if parts.scheme != "s3" or not parts.netloc or not name.strip() or not is_good:
        message = "TWINSIGHT_EXPORT_BUCKETS holds name=s3://bucket/prefix?endpoint=https://…"
        raise ImproperlyConfigured(message)
    prefix = parts.path.strip("/")
    return Bucket(
        name=name.strip(),
        bucket=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=endpoint or None,
        region=query.get("region", [""])[0] or None,
    )


class BucketWriter:
    """Puts objects into a bucket, over one client.

    Parameters
    ----------
    bucket
        of the settings
    folder
        all names begin with it
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = f"{bucket.prefix}{folder}/"
        self._client = _client(bucket)

    def put(self, name: str, content: bytes) -> None:
        """Write an object; the store has checked it against its SHA-256 when this returns."""
        with _as_peer_errors():
            self._client.put_object(
                Bucket=self._bucket.bucket,
                Key=f"{self._folder}{name}",
                Body=content,
                ContentType="application/dicom" if name.endswith(".dcm") else "text/plain",
                ChecksumAlgorithm="SHA256",
            )

    def names(self, folder: str) -> list[str]:
        """Return the names of what was put into a folder."""
        with _as_peer_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket.bucket, Prefix=f"{self._folder}{folder}"
            )
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return [key.removeprefix(self._folder) for key in keys]

    def get(self, name: str) -> bytes:
        """Read an object."""
        with _as_peer_errors():
            found = self._client.get_object(Bucket=self._bucket.bucket, Key=f"{self._folder}{name}")
            content: bytes = found["Body"].read()
        return content


def _client(bucket: Bucket) -> Any:
    import boto3  # noqa: PLC0415 an extra
    from botocore.config import Config  # noqa: PLC0415 an extra

    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        # Where neither is named, boto3 looks where programs of its maker do.
        aws_access_key_id=settings.TWINSIGHT_S3_ACCESS_KEY or None,
        aws_secret_access_key=settings.TWINSIGHT_S3_SECRET_KEY or None,
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"max_attempts": _ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": "path" if bucket.endpoint else "auto"},
        ),
    )


@contextmanager
def _as_peer_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 an extra

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        message = f"The bucket refused: {str(said)[:64]}."
        if status in _FOR_GOOD:
            raise PeerRefusedError(message, code="bucket-refused") from error
        raise PeerUnreachableError(message, code="bucket-unavailable") from error
    except BotoCoreError as error:
        message = f"The bucket can't be reached: {type(error).__name__}."
        raise PeerUnreachableError(message, code="bucket-unavailable") from error
