"""Ask the FHIR door; whatever it answers is a valid resource."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fhir.resources.R4B import get_fhir_model_class

if TYPE_CHECKING:
    from django.test import Client

ROOT = "/fhir/R4/"


def validated(body: dict[str, Any]) -> dict[str, Any]:
    """Return a resource that its R4 model takes; nothing in it is empty."""
    get_fhir_model_class(body["resourceType"]).model_validate(body)
    _check_filled(body)
    return body


def _check_filled(value: Any) -> None:
    """FHIR knows no empty text, list or object."""
    assert value not in ("", [], {}, None)
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _check_filled(one)


class Door:
    """A client that asks FHIR."""

    def __init__(self, client: Client, token: str = "") -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, path: str, status: int = 200, method: str = "get", **more: Any) -> dict[str, Any]:
        """Return the JSON of an answer."""
        headers = {**self.headers, **more.pop("headers", {})}
        response = getattr(self.client, method)(ROOT + path, headers=headers, **more)
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/fhir+json; charset=utf-8"
        return validated(json.loads(response.content))

    def ids(self, path: str) -> list[str]:
        """Return the ids of what a search finds."""
        bundle = self.ask(path)
        return [
            one["resource"]["id"]
            for one in bundle.get("entry", [])
            if one["search"]["mode"] == "match"
        ]

    def refusal(self, path: str, status: int, **more: Any) -> str:
        """Return the code of the one issue of a refusal."""
        body = self.ask(path, status, **more)
        assert body["resourceType"] == "OperationOutcome"
        return body["issue"][0]["code"]
