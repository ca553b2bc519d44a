"""The blob store's contract: content hash in, content hash out."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType


class SpoolFile(Protocol):
    """Bytes on their way in: hashed while they are written, not yet kept.

    Leaving the context discards what was not kept.
    """

    path: Path
    size: int

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of what was written so far."""
        ...

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; raise StorageError or StorageFullError when the disk refuses."""
        ...

    def flush(self) -> None:
        """Hand the bytes to the operating system, so that ``path`` can be read."""
        ...

    def begin_sync(self) -> None:
        """Start to make the bytes durable, where the store can do so beside other work."""
        ...

    def close(self) -> None:
        """Discard the spool file; a kept blob lives on under its own name."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class BlobStore(Protocol):
    """Where bytes lie. A blob never changes and is known by the SHA-256 of its bytes."""

    def spool(self) -> SpoolFile:
        """Open a new file on the store's own file system; refuse when the reserve is touched."""
        ...

    def keep(self, spools: Iterable[SpoolFile]) -> None:
        """Make the bytes durable under their hashes: fsync of file and folder, or an ack."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Open the blob for reading; raise BlobMissingError where it is gone."""
        ...

    def original(self, sha256: str) -> BinaryIO:
        """Open what lies in the store itself, past any copies, to be read once from its start."""
        ...

    def path(self, sha256: str) -> Path:
        """Path of a local file with the blob's bytes, for who opens it at once."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether the blob is there."""
        ...

    def present(self, digests: Collection[str]) -> set[str]:
        """Return which of the blobs can be read; the caller is about to read them in this order."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove the blob; absent is fine."""
        ...

    def digests(self) -> Iterator[str]:
        """Walk all blobs, in no particular order."""
        ...

    def check(self) -> None:
        """Raise StorageError where storing would be refused."""
        ...

    def free_bytes(self) -> int:
        """Free space on the disk where files arrive."""
        ...

    def disk(self) -> tuple[int, int] | None:
        """All and free bytes of the disk that blobs fill; None where they fill none."""
        ...

    def sweep_spool(self, older_than_s: float) -> int:
        """Remove spool files that nobody writes any more; return how many."""
        ...
