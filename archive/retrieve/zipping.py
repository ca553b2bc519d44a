"""A ZIP that is sent while it is written, of files of any size."""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No time of ours in it, the same bytes each time.
_DATE = (1980, 1, 1, 0, 0, 0)
_PACKED = (".csv", ".txt", ".json", ".html")


class _Outlet:
    """Takes what zipfile writes until it is fetched; can't seek, as a socket can't."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def stream_zip(entries: Iterable[tuple[str, Iterable[bytes | memoryview]]]) -> Iterator[bytes]:
    """Write a ZIP of named contents, holding one chunk at a time.

    Images don't become smaller by packing: they are stored as they are.

    Parameters
    ----------
    entries
        names of our own, never out of a file, and the chunks of each

    Yields
    ------
    the archive's bytes
    """
    outlet = _Outlet()
    with zipfile.ZipFile(cast("IO[bytes]", outlet), "w", allowZip64=True) as archive:
        for name, chunks in entries:
            info = zipfile.ZipInfo(name, _DATE)
            is_packed = name.endswith(_PACKED)
            info.compress_type = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as entry:
                for chunk in chunks:
                    entry.write(chunk)
                    yield outlet.take()
            yield outlet.take()
    yield outlet.take()
