"""Deflated data sets, inflated within a bound."""

import tempfile
import zlib
from typing import BinaryIO

from archive.errors import InvalidInstanceError

MAX_INFLATED_BYTES = 256 << 20
_IN_MEMORY_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_CHECKSUM_BYTES = 8


def inflate(buffer: object, start: int, end: int) -> BinaryIO:
    """Inflate the deflate stream of a data set into a temporary file.

    Parameters
    ----------
    buffer : bytes-like, sliceable to bytes
    start : offset of the stream
    end : offset behind it; padding zeros before it are ignored

    Returns
    -------
    A file, open and positioned at its start, small ones in memory; the caller closes it.

    Raises
    ------
    InvalidInstanceError
        The stream is broken or cut, or its content is larger than `MAX_INFLATED_BYTES`.

    References
    ----------
    DICOM PS3.5 section A.5
    """
    output = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 the caller closes it
    try:
        _inflate_into(output, buffer, start, end)
    except BaseException:
        output.close()
        raise
    output.seek(0)
    return output  # type: ignore[return-value]  # a SpooledTemporaryFile is a BinaryIO in all but name


def _inflate_into(output: object, buffer: object, start: int, end: int) -> None:
    # PS3.5 A.5 wants a bare deflate stream; a zlib header (0x78, multiple of 31) is met as well.
    head = buffer[start : start + 2]  # type: ignore[index]
    has_zlib_header = len(head) == 2 and head[0] == 0x78 and int.from_bytes(head) % 31 == 0
    engine = zlib.decompressobj(zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS)
    produced, position, pending = 0, start, b""
    while not engine.eof:
        if not pending:
            pending = buffer[position : min(position + _CHUNK_BYTES, end)]  # type: ignore[index]
            position += len(pending)
        try:
            chunk = engine.decompress(pending, _CHUNK_BYTES)
        except zlib.error as error:
            raise InvalidInstanceError(
                "The deflated data set can't be inflated.", code="malformed"
            ) from error
        if not chunk and not pending and not engine.eof:
            raise InvalidInstanceError("The deflated data set is cut off.", code="truncated")
        pending = engine.unconsumed_tail
        produced += len(chunk)
        if produced > MAX_INFLATED_BYTES:
            raise InvalidInstanceError(
                f"The deflated data set is larger than {MAX_INFLATED_BYTES >> 20} MiB.",
                code="too-large",
            )
        output.write(chunk)  # type: ignore[attr-defined]
    # Writers that wrap zlib or gzip leave its checksum, of 4 or 8 bytes, behind the stream.
    rest = engine.unused_data + buffer[position:end]  # type: ignore[index]
    if rest[_CHECKSUM_BYTES:].strip(b"\0"):
        raise InvalidInstanceError("Other bytes follow the deflated data set.", code="malformed")
