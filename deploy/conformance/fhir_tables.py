"""The tables of what FHIR offers, read out of the registry that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.fhir.includes import revincludes
from archive.fhir.parameters import reverse_references
from archive.fhir.registry import kinds

if TYPE_CHECKING:
    from archive.fhir.registry import Kind


def fhir_resources() -> str:
    """Each kind with its parameters, and what can come along."""
    return "\n".join(_kind(kinds[name]) for name in sorted(kinds)).strip()


def _kind(kind: Kind) -> str:
    lines = [
        f"### {kind.name}\n",
        f"{kind.about}\n",
        "| parameter | type | what it asks | modifiers |",
        "| --- | --- | --- | --- |",
    ]
    for one in kind.parameters.values():
        name = f"`{one.name}`" + ("" if one.definition else " (ours)")
        modifiers = ", ".join(f"`:{modifier}`" for modifier in sorted(one.modifiers))
        about = one.about.replace("|", "\\|")
        lines.append(f"| {name} | {one.kind} | {about} | {modifiers} |")
    lines.append("")
    said = (
        ("Sorted by", kind.orders),
        ("`_include`", kind.includes),
        ("`_revinclude`", revincludes(kind)),
        ("Chains back", [f"_has:{one}" for one in reverse_references(kind)]),
    )
    lines += [
        f"{what}: {', '.join(f'`{one}`' for one in names)}.\n" for what, names in said if names
    ]
    return "\n".join(lines)
