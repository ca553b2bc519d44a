"""A picture to search by stays in memory: it never touches a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.utils.translation import gettext

from inference.similarity.types import MAX_IMAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

_FORM_BYTES = 64 * 1024


class PictureUploadHandler(MemoryFileUploadHandler):
    """Take a body of the announced length into memory, or refuse it before it is read."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Mapping[str, str],  # noqa: N803 Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Refuse what is larger than a picture may be."""
        if content_length > MAX_IMAGE_BYTES + _FORM_BYTES:
            most = MAX_IMAGE_BYTES // 1024 // 1024
            message = gettext("A picture may have %(n)s MB at most.") % {"n": most}
            raise RequestDataTooBig(message)
        self.activated = True


def keep_in_memory(request: HttpRequest) -> None:
    """Let this request's files be read into memory alone; call it before anything reads them."""
    request.upload_handlers = [PictureUploadHandler(request)]
