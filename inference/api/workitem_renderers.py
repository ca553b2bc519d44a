"""Workitems as DICOM JSON and as the Native DICOM Model in XML (PS3.18 section 8.7.3)."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from rest_framework.renderers import BaseRenderer, JSONRenderer

from archive.dicom.native_xml import json_to_xml

if TYPE_CHECKING:
    from collections.abc import Mapping

XML = "application/dicom+xml"


class DicomJsonRenderer(JSONRenderer):
    """DICOM JSON."""

    media_type = "application/dicom+json"
    format = "dicom"


class DicomXmlRenderer(BaseRenderer):
    """One data set as one document."""

    media_type = XML
    format = "xml"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the first data set; what is none is a problem, and told in JSON."""
        del accepted_media_type, renderer_context
        if data is None:
            return b""
        return json_to_xml(data[0]) if isinstance(data, list) else json.dumps(data).encode()


class MultipartXmlRenderer(BaseRenderer):
    """Several data sets, each a part."""

    media_type = "multipart/related"
    format = "multipart"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the parts, and name their boundary in the answer's head."""
        del accepted_media_type
        if data is None:
            return b""
        if not isinstance(data, list):
            return json.dumps(data).encode()
        boundary = f"twinsight-{secrets.token_hex(16)}"
        response = (renderer_context or {})["response"]
        response["Content-Type"] = f'multipart/related; type="{XML}"; boundary={boundary}'
        head = f"--{boundary}\r\nContent-Type: {XML}\r\n\r\n".encode()
        parts = [head + json_to_xml(ds) + b"\r\n" for ds in data]
        return b"".join(parts) + f"--{boundary}--\r\n".encode()
