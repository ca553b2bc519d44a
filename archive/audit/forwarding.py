"""What passes between the archive and its peers, and who arranged it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_peer_changed(asker: Asker, *, act: str, peer: str, details: dict[str, Any]) -> None:
    """Security Alert: who may exchange images with the archive was changed (110113)."""
    _record(asker, "110113", act, Action.UPDATE, details={"peer": peer, **details})


def record_rule_changed(asker: Asker, *, act: str, rule: int, details: dict[str, Any]) -> None:
    """Security Alert: what leaves or comes by itself was changed (110113)."""
    _record(asker, "110113", act, Action.UPDATE, details={"rule": rule, **details})


def record_quota_changed(asker: Asker, *, project: str, quota_bytes: int | None) -> None:
    """Security Alert: how much a project may store was changed (110113)."""
    details = {"project": project, "quota_bytes": quota_bytes}
    _record(asker, "110113", "change-quota", Action.UPDATE, details=details)


def record_send_requested(
    asker: Asker, *, study_instance_uid: str, peer: str, instances: int
) -> None:
    """Record that a person had a study sent to a peer (Begin Transferring, 110102)."""
    details = {"peer": peer, "instances": instances}
    _record(asker, "110102", "send", Action.READ, study=study_instance_uid, details=details)


def record_sent(asker: Asker, *, study_instance_uid: str, peer: str, instances: int) -> None:
    """DICOM Instances Transferred (110104) to a peer: written before the first byte leaves."""
    details = {"peer": peer, "instances": instances}
    _record(asker, "110104", "forward", Action.READ, study=study_instance_uid, details=details)


def record_peer_query(asker: Asker, *, peer: str, keys: list[str], results: int) -> None:
    """Query (110112) that a person put to a peer: which keys, never what was in them."""
    details = {"peer": peer, "keys": keys, "results": results}
    _record(asker, "110112", "query-peer", Action.EXECUTE, details=details)


def record_fetch_requested(asker: Asker, *, study_instance_uid: str, peer: str) -> None:
    """Record that a person had a study fetched from a peer (Begin Transferring, 110102)."""
    _record(
        asker,
        "110102",
        "fetch",
        Action.CREATE,
        study=study_instance_uid,
        details={"peer": peer},
    )


def record_queue_changed(asker: Asker, *, act: str, details: dict[str, Any]) -> None:
    """Record that waiting transfers were cancelled or started again (110102)."""
    _record(asker, "110102", act, Action.UPDATE, details=details)
