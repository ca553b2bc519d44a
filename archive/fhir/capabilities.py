"""What can be asked here, said from the same tables that answer (CapabilityStatement)."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from archive.fhir.answers import FHIR_JSON
from archive.fhir.includes import revincludes
from archive.fhir.parameters import reverse_references
from archive.fhir.registry import kinds

if TYPE_CHECKING:
    from archive.fhir.registry import Kind, Parameter, Scene

# When what is said here changed last.
_DATE = "2026-11-22"
_SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_PROFILES = "http://hl7.org/fhir/StructureDefinition/"


def capability_statement(scene: Scene) -> dict[str, Any]:
    """Return the statement of this service."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "twinsight",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": "Twinsight", "version": _version()},
        "implementation": {"description": "Twinsight image archive", "url": scene.fhir_url},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Everything is given inside the asker's rights, and recorded.",
                "security": _security(scene),
                "resource": [_resource(kinds[name]) for name in sorted(kinds)],
                "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            }
        ],
    }


def _version() -> str:
    try:
        return version("twinsight")
    except PackageNotFoundError:
        return "0"


def _security(scene: Scene) -> dict[str, Any]:
    addresses = [
        {"url": name, "valueUri": f"{scene.site_url}{path}"}
        for name, path in (("token", "/oauth/token/"), ("introspect", "/oauth/introspect/"))
    ]
    service = {"system": _SECURITY, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}
    return {
        "extension": [{"url": _OAUTH, "extension": addresses}],
        "service": [{"coding": [service]}],
        "description": "OAuth 2 client credentials (SMART Backend Services), API tokens.",
    }


def _resource(kind: Kind) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": kind.name,
        "profile": _PROFILES + kind.name,
        "documentation": _documentation(kind),
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalRead": "full-support",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": kind.includes,
        "searchRevInclude": revincludes(kind),
        "searchParam": [_parameter(one) for one in kind.parameters.values()],
    }
    return {name: value for name, value in said.items() if value not in ([], "")}


def _documentation(kind: Kind) -> str:
    """Say what the statement has no place for."""
    said = (
        ("Sorted by", kind.orders),
        ("Chains back", [f"_has:{one}" for one in reverse_references(kind)]),
    )
    return " ".join(
        [kind.about, *(f"{what}: {', '.join(names)}." for what, names in said if names)]
    )


def _parameter(parameter: Parameter) -> dict[str, Any]:
    modifiers = ", ".join(f":{one}" for one in sorted(parameter.modifiers))
    said = {
        "name": parameter.name,
        "definition": parameter.address,
        "type": parameter.kind,
        "documentation": f"{parameter.about}. Modifiers: {modifiers}.",
    }
    return {name: value for name, value in said.items() if value}
