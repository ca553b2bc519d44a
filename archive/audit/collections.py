"""What is done with collections: identifiers of collection and studies, never their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.audit.types import Asker


def record_collection_created(asker: Asker, *, collection: int) -> None:
    """Record a new collection (110103)."""
    _record(asker, "110103", "create-collection", Action.CREATE, details={"collection": collection})


def record_collection_changed(asker: Asker, *, collection: int, fields: Iterable[str]) -> None:
    """Record which of its texts changed (110103)."""
    details = {"collection": collection, "fields": sorted(fields)}
    _record(asker, "110103", "change-collection", Action.UPDATE, details=details)


def record_collection_shared(asker: Asker, *, collection: int, project: int | None) -> None:
    """Security Alert: who may see an object changed (110113)."""
    details = {"collection": collection, "project": project}
    _record(asker, "110113", "share-collection", Action.UPDATE, details=details)


def record_collection_deleted(asker: Asker, *, collection: int) -> None:
    """Record that a collection is gone; its studies are not (110103)."""
    _record(asker, "110103", "delete-collection", Action.DELETE, details={"collection": collection})


def record_collection_items(
    asker: Asker, act: str, *, collection: int, study_instance_uid: str, item: int
) -> None:
    """Record what was done to a case in a collection (110103)."""
    _record(
        asker,
        "110103",
        act,
        Action.UPDATE,
        study=study_instance_uid,
        details={"collection": collection, "item": item},
    )


def record_collection_order(asker: Asker, *, collection: int) -> None:
    """Record that the cases were put in another order (110103)."""
    details = {"collection": collection}
    _record(asker, "110103", "order-collection", Action.UPDATE, details=details)


def record_export(
    asker: Asker,
    *,
    study_instance_uid: str,
    instances: int,
    is_deidentified: bool,
    details: Mapping[str, Any],
) -> None:
    """Export (110106): written before the first byte leaves."""
    _record(
        asker,
        "110106",
        "export",
        Action.READ,
        study=study_instance_uid,
        details={**details, "instances": instances, "deidentified": is_deidentified},
    )
