"""What the OpenAPI document says of credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


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
