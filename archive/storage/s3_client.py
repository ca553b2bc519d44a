"""The line to an object store: one client a process, its errors in our words, quick to give up."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from archive.errors import BlobMissingError, StorageError, StorageFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.storage.s3_places import S3Place

logger = logging.getLogger(__name__)

CONNECTIONS = 32
_CONNECT_S, _ATTEMPTS = 3, 3
# After the store could not be reached, so long nobody waits for it; then one goes and looks.
PAUSE_S = 5.0
_MISSING = {"404", "NoSuchKey", "NotFound"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "InsufficientStorage"}
_BUSY_STATUS = 503


@dataclass(frozen=True)
class Access:
    """With what the archive shows itself to the store, and how long it waits for an answer.

    Empty keys leave it to boto3 to find some where programs of its maker do: environment, shared
    files, the role of the machine or of the pod.
    """

    access_key: str = ""
    secret_key: str = ""
    timeout_s: float = 20.0


class Circuit:
    """Lets nobody wait for a store that was away a moment ago."""

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self._pause_s = pause_s
        self._closed_until: float | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Go on, or raise at once; after the pause one caller may try, and the next waits again.

        Raises
        ------
        StorageError
            The store was away a moment ago.
        """
        if self._closed_until is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._closed_until is not None and now < self._closed_until:
                raise unreachable()
            self._closed_until = now + self._pause_s

    @property
    def is_passable(self) -> bool:
        """Whether the store answered when it was last asked, or may be asked again."""
        until = self._closed_until
        return until is None or time.monotonic() >= until

    def require(self) -> None:
        """Raise StorageError where `check` would; who does not ask takes nobody's turn."""
        if not self.is_passable:
            raise unreachable()

    def trip(self) -> None:
        """Say that the store is away."""
        with self._lock:
            self._closed_until = time.monotonic() + self._pause_s

    def mend(self) -> None:
        """Say that the store has answered."""
        if self._closed_until is not None:
            with self._lock:
                self._closed_until = None


def unreachable() -> StorageError:
    """Return the error of a store that does not answer."""
    message = "The archive's object store can't be reached; try again in a moment."
    return StorageError(message, code="storage-unreachable")


class S3Line:
    """Asks the store: errors come as the archive's own, and a store that is away fails quickly.

    Parameters
    ----------
    place
        which bucket, at whose address
    access
        credentials and patience
    """

    def __init__(self, place: S3Place, access: Access) -> None:
        self.place = place
        self.circuit = Circuit()
        self._access = access
        self._clients: dict[int, Any] = {}
        self._lock = threading.Lock()

    @property
    def client(self) -> Any:
        """The client of this process: a forked one may not use its parent's connections."""
        found = self._clients.get(os.getpid())
        if found is None:
            with self._lock:
                found = self._clients.get(os.getpid())
                if found is None:
                    found = _client(self.place, self._access)
                    self._clients = {os.getpid(): found}
        return found

    @contextmanager
    def asking(self, sha256: str = "") -> Iterator[Any]:
        """Give the client, for one question.

        Parameters
        ----------
        sha256
            of the blob that it is about

        Raises
        ------
        BlobMissingError
            The store has no such object.
        StorageFullError
            The store takes no more.
        StorageError
            It can't be reached, or refuses.
        """
        self.circuit.check()
        # Imported where the client has been made: an extra.
        client = self.client
        from botocore import exceptions  # noqa: PLC0415 an extra

        away = (exceptions.HTTPClientError, exceptions.ConnectionError, ConnectionError)
        try:
            yield client
        except exceptions.ClientError as error:
            raise self._refused(error, sha256) from error
        except away as error:
            logger.warning("object store unreachable", extra={"error": type(error).__name__})
            self.circuit.trip()
            raise unreachable() from error
        except exceptions.BotoCoreError as error:
            # Such as no credentials.
            logger.warning("object store not asked", extra={"error": type(error).__name__})
            message = f"The archive's object store can't be used: {type(error).__name__}."
            raise StorageError(message) from error
        self.circuit.mend()

    def _refused(self, error: Any, sha256: str) -> StorageError:
        code = str(error.response.get("Error", {}).get("Code", ""))[:64]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if code in _MISSING:
            self.circuit.mend()
            return BlobMissingError(f"The stored file {sha256[:12]}… is missing.")
        logger.warning("object store refused", extra={"code": code, "status": status})
        if status == _BUSY_STATUS:
            self.circuit.trip()
            return unreachable()
        self.circuit.mend()
        if code in _FULL:
            return StorageFullError("The archive's object store is full.")
        return StorageError(f"The archive's object store refused: {code or status}.")


def _client(place: S3Place, access: Access) -> Any:
    try:
        import boto3  # noqa: PLC0415 an extra
        from botocore.config import Config  # noqa: PLC0415 an extra
    except ImportError as error:
        message = "Blobs in S3 need the extra s3: pip install 'twinsight[s3]'."
        raise ImproperlyConfigured(message) from error
    return boto3.session.Session().client(
        "s3",
        endpoint_url=place.endpoint,
        region_name=place.region,
        aws_access_key_id=access.access_key or None,
        aws_secret_access_key=access.secret_key or None,
        config=Config(
            connect_timeout=min(_CONNECT_S, access.timeout_s),
            read_timeout=access.timeout_s,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            max_pool_connections=CONNECTIONS,
            tcp_keepalive=True,
            # SHA-256 is named with each object; what other servers don't know is not sent.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if place.endpoint else "auto"},
        ),
    )
