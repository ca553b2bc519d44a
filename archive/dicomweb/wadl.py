"""Capabilities as a WADL document, in XML and in JSON (PS3.18 8.9)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr  # only written  # nosec B406

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.dicomweb.capabilities import Operation, Resource

WADL_XML, WADL_JSON = "application/vnd.sun.wadl+xml", "application/vnd.sun.wadl+json"
NAMESPACE = "http://wadl.dev.java.net/2009/02"
_TEMPLATE = re.compile(r"\{(\w+)\}")


def wadl_xml(resources: Iterable[Resource], base_url: str) -> bytes:
    """Write the resources as XML."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<application xmlns={quoteattr(NAMESPACE)}>",
        f"<resources base={quoteattr(base_url)}>",
        *(line for one in resources for line in _resource_lines(one)),
        "</resources>",
        "</application>",
    ]
    return "\n".join(lines).encode()


def wadl_json(resources: Iterable[Resource], base_url: str) -> bytes:
    """Write the same as JSON."""
    document = {
        "application": {
            "resources": {
                "base": base_url,
                "resource": [_resource_object(one) for one in resources],
            }
        }
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _resource_lines(one: Resource) -> Iterator[str]:
    yield f"<resource path={quoteattr(one.path)}>"
    for name in _TEMPLATE.findall(one.path):
        yield f'<param name={quoteattr(name)} style="template" required="true"/>'
    for operation in one.operations:
        yield f"<method name={quoteattr(operation.method)} id={quoteattr(operation.name)}>"
        yield "<request>"
        for name in operation.parameters:
            yield f'<param name={quoteattr(name)} style="query"/>'
        for media_type in operation.consumes:
            yield f"<representation mediaType={quoteattr(media_type)}/>"
        yield "</request>"
        yield from _response_lines(operation)
        yield "</method>"
    yield "</resource>"


def _response_lines(operation: Operation) -> Iterator[str]:
    for status in operation.statuses:
        if status == 200 and operation.produces:
            yield '<response status="200">'
            for media_type in operation.produces:
                yield f"<representation mediaType={quoteattr(media_type)}/>"
            yield "</response>"
        else:
            yield f'<response status="{status}"/>'


def _resource_object(one: Resource) -> dict[str, Any]:
    return {
        "path": one.path,
        "param": [
            {"name": name, "style": "template", "required": True}
            for name in _TEMPLATE.findall(one.path)
        ],
        "method": [
            {
                "name": operation.method,
                "id": operation.name,
                "request": {
                    "param": [{"name": name, "style": "query"} for name in operation.parameters],
                    "representation": [{"mediaType": name} for name in operation.consumes],
                },
                "response": [
                    {
                        "status": status,
                        "representation": [
                            {"mediaType": name} for name in operation.produces if status == 200
                        ],
                    }
                    for status in operation.statuses
                ],
            }
            for operation in one.operations
        ],
    }
