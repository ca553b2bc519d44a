"""A ZIP of members of any size, sent while it is written."""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No time of ours in it.
_DATE = (1980, 1, 1, 0, 0, 0)


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


def stream_members(
    members: Iterable[tuple[str, Iterable[bytes | memoryview]]],
) -> Iterator[bytes]:
    """Yield a ZIP, not compressed; the names are the caller's own, never out of a file.

    Parameters
    ----------
    members
        names and contents, each used up before the next one is asked for
    """
    outlet = _Outlet()
    with zipfile.ZipFile(cast("IO[bytes]", outlet), "w", allowZip64=True) as archive:
        for name, chunks in members:
            info = zipfile.ZipInfo(name, _DATE)
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as member:
                for chunk in chunks:
                    member.write(chunk)
                    yield outlet.take()
            yield outlet.take()
    yield outlet.take()
