"""multipart/related bodies, written and taken apart."""

from __future__ import annotations

from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDARY = "a-boundary"
DICOM_MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


def related(contents: Sequence[bytes], part_type: str = "application/dicom") -> bytes:
    """Return a multipart/related body of the parts."""
    body = b"".join(
        b"--%b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (BOUNDARY.encode(), part_type.encode(), content)
        for content in contents
    )
    return body + f"--{BOUNDARY}--\r\n".encode()


def content_of(response: Any) -> bytes:
    """Return a response's body, streamed or not."""
    if response.streaming:
        return b"".join(response.streaming_content)
    return bytes(response.content)


def parts_of(response: Any) -> list[tuple[str, bytes]]:
    """Take a multipart answer apart: content type and bytes of each part."""
    head = f"Content-Type: {response['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + content_of(response))
    assert message.is_multipart(), response["Content-Type"]
    assert not message.defects, message.defects
    parts = []
    for part in message.get_payload():
        assert not isinstance(part, str)
        parts.append((str(part["Content-Type"]), part.get_payload(decode=True)))
    return parts
