"""A question for similar cases: JSON, or a form with an image that is never stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive.api.parsers import iter_parts
from archive.errors import InvalidRequestError, LimitExceededError
from inference.similarity.errors import InvalidQueryError
from inference.similarity.types import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

_FORM_BYTES = 1024 * 1024
_MAX_PARTS = 200
# Fields that a form can only carry as JSON.
_STRUCTURED = frozenset({"filters", "region", "positive", "negative", "query", "result"})
_LISTS = frozenset({"positive", "negative"})


def read_form(request: HttpRequest) -> tuple[dict[str, Any], bytes]:
    """Return the fields and the image of a multipart/form-data request, held in memory only."""
    values: dict[str, Any] = {}
    image = b""
    parts = iter_parts(request, max_bytes=MAX_IMAGE_BYTES + _FORM_BYTES, max_parts=_MAX_PARTS)
    for part in parts:
        if part.name == "image":
            image = _bounded(part.chunks)
        elif part.filename is not None:
            message = f"The form takes one file, named image, and no {part.name[:64]!r}."
            raise InvalidRequestError(message)
        else:
            _add_field(values, part.name, part.text())
    if not image:
        message = "The form has no image."
        raise InvalidQueryError(message, field="image", code="empty")
    return values, image


def _add_field(values: dict[str, Any], name: str, text: str) -> None:
    if name not in _STRUCTURED or (name in _LISTS and not text.lstrip().startswith("[")):
        if name in _LISTS:
            values.setdefault(name, []).append(text)
        else:
            values[name] = text
        return
    try:
        values[name] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidQueryError(f"The field {name} is not JSON.", field=name) from error


def _bounded(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_IMAGE_BYTES:
            limit = MAX_IMAGE_BYTES >> 20
            raise LimitExceededError(f"The image is larger than {limit} MiB.")
    return bytes(content)
