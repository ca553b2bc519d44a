"""What the OpenAPI document says of credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


_PROBLEM = "#/components/schemas/ProblemSchema"
_PROBLEM_TYPE = "application/problem+json"


def describe_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Say of every refusal in the document that it comes as problem details (RFC 9457).

    A hook of drf-spectacular's.

    Parameters
    ----------
    result
        the OpenAPI document

    Returns
    -------
    the document, changed in place
    """
    for operations in result["paths"].values():
        for operation in operations.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            for response in operation["responses"].values():
                content = response.get("content", {})
                if content.get("application/json", {}).get("schema", {}).get("$ref") == _PROBLEM:
                    content[_PROBLEM_TYPE] = content.pop("application/json")
            operation["responses"].setdefault(
                "default",
                {
                    "description": "Refused.",
                    "content": {_PROBLEM_TYPE: {"schema": {"$ref": _PROBLEM}}},
                },
            )
    for schema in result["components"]["schemas"].values():
        for held in schema.get("properties", {}).values():
            if held.get("format") == "time":
                # DICOM's times know no zone; this format wants one (RFC 3339).
                del held["format"]
    return result


class RequestUserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A bearer token, or the portal's session with a CSRF token."""

    target_class = "archive.access.authentication.RequestUserAuthentication"
    name = ["bearer", "session"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Say that one of the two is enough."""
        del auto_schema
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Describe both, in the order of their names."""
        del auto_schema
        return [
            {"type": "http", "scheme": "bearer", "description": "An API token."},
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "The portal's session; changes need the header X-CSRFToken too.",
            },
        ]
