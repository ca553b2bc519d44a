"""Resources read and searched over FHIR, as IHE's Basic Audit Log Patterns want them on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.reads import record_read
from archive.audit.services import Action, _values

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from archive.audit.types import Asker

# What one record names at most; how many there were stands beside it.
_MOST = 100


def record_patient_read(asker: Asker, *, patient: int, request: str = "") -> None:
    """Patient Record (110110), read; ``request`` is what the asker calls their request."""
    details = {"patients": [patient], **_named(request)}
    record_read(_values(asker, "110110", "read-patient", Action.READ, details=details))


def record_resource_read(
    asker: Asker, *, kind: str, study_instance_uid: str, key: str, request: str = ""
) -> None:
    """DICOM Instances Accessed (110103): what is known of a study, or stated about it."""
    details = {"resource": f"{kind}/{key}", **_named(request)}
    record_read(
        _values(
            asker,
            "110103",
            "read-resource",
            Action.READ,
            study=study_instance_uid,
            details=details,
        )
    )


def record_resource_search(
    asker: Asker,
    *,
    kind: str,
    keys: Sequence[str],
    results: int,
    patients: Collection[int],
    request: str = "",
) -> None:
    """Query (110112): what was asked by, never the values; whose resources were given out."""
    details: dict[str, Any] = {
        "resource": kind,
        "keys": list(keys)[:_MOST],
        "results": results,
        "patients": sorted(patients)[:_MOST],
        **_named(request),
    }
    record_read(_values(asker, "110112", "search-resources", Action.EXECUTE, details=details))


def _named(request: str) -> dict[str, str]:
    return {"request": request} if request else {}
