"""A ZIP that is sent while it is written."""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No time of ours in it, the same bytes each time.
_DATE = (1980, 1, 1, 0, 0, 0)
_STORED = frozenset({".png", ".jpg"})


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


def stream_zip(entries: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield a ZIP of named contents; the names are the caller's own, never out of a file."""
    outlet = _Outlet()
    with zipfile.ZipFile(cast("IO[bytes]", outlet), "w", allowZip64=True) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, _DATE)
            is_packed = any(name.endswith(suffix) for suffix in _STORED)
            info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compresslevel=None if is_packed else 3)
            yield outlet.take()
    yield outlet.take()
