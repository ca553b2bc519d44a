"""Who did what: one function an act, append-only. Identifiers only, no names of patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.reads import record_read
from archive.models import AuditEvent

if TYPE_CHECKING:
    from archive.audit.types import Asker

Action = AuditEvent.Action
Outcome = AuditEvent.Outcome


def record_login(asker: Asker, *, is_success: bool) -> None:
    """User Authentication (110114)."""
    outcome = Outcome.SUCCESS if is_success else Outcome.MINOR_FAILURE
    _record(asker, "110114", "login", Action.EXECUTE, outcome=outcome)


def record_import(
    asker: Asker, *, study_instance_uids: list[str], stored: int, refused: int
) -> None:
    """Record instances stored (Import, 110107), one record a study and batch."""
    for uid in study_instance_uids or [""]:
        _record(
            asker,
            "110107",
            "store",
            Action.CREATE,
            study=uid,
            details={"stored": stored, "refused": refused},
        )


def import_values(
    asker: Asker, *, study_instance_uid: str, stored: int, refused: int
) -> dict[str, Any]:
    """Columns of a record of instances stored, for the statement that stores them."""
    details = {"stored": stored, "refused": refused}
    return _values(
        asker, "110107", "store", Action.CREATE, study=study_instance_uid, details=details
    )


def record_access(asker: Asker, *, study_instance_uid: str, what: str) -> None:
    """DICOM Instances Accessed (110103), read."""
    record_read(_values(asker, "110103", what, Action.READ, study=study_instance_uid))


def record_transfer(asker: Asker, *, study_instance_uid: str, instances: int) -> None:
    """DICOM Instances Transferred (110104): written before the first byte leaves."""
    details = {"instances": instances}
    record_read(
        _values(asker, "110104", "retrieve", Action.READ, study=study_instance_uid, details=details)
    )


def record_query(asker: Asker, *, what: str, details: dict[str, Any]) -> None:
    """Query (110112): written before the answer leaves."""
    record_read(_values(asker, "110112", what, Action.EXECUTE, details=details))


def record_token_created(asker: Asker, *, hint: str, scopes: list[str], username: str) -> None:
    """Security Alert: user attributes changed (110113)."""
    details = {"token": hint, "scopes": scopes, "user": username}
    _record(asker, "110113", "create-token", Action.CREATE, details=details)


def record_model_trusted(asker: Asker, *, model: str, digest: str) -> None:
    """Security Alert: a bundle's code was allowed to run (110113)."""
    details = {"model": model, "digest": digest}
    _record(asker, "110113", "trust-model", Action.UPDATE, details=details)


def record_space_changed(
    asker: Asker, *, space: str, act: str, details: dict[str, Any] | None = None
) -> None:
    """Security Alert: what similar cases are searched by was changed (110113)."""
    _record(asker, "110113", act, Action.UPDATE, details={"space": space, **(details or {})})


def record_run_requested(asker: Asker, *, study_instance_uid: str, model: str) -> None:
    """Record that a model was asked to run on a series (110103)."""
    _record(
        asker,
        "110103",
        "request-run",
        Action.EXECUTE,
        study=study_instance_uid,
        details={"model": model},
    )


def record_suspicion_settled(
    asker: Asker, *, study_instance_uid: str, suspicion: int, state: str
) -> None:
    """Record what a radiology admin made of a suspected mix-up (Patient Record, 110110)."""
    _record(
        asker,
        "110110",
        "settle-suspicion",
        Action.UPDATE,
        study=study_instance_uid,
        details={"suspicion": suspicion, "state": state},
    )


def _record(asker: Asker, *event: str, **more: Any) -> None:
    AuditEvent.objects.create(**_values(asker, *event, **more))


def _values(
    asker: Asker,
    event_id: str,
    act: str,
    action: str,
    *,
    study: str = "",
    outcome: int = Outcome.SUCCESS,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    user = asker.user if asker.user is not None and asker.user.is_authenticated else None
    return {
        "event_id": event_id,
        "act": act,
        "action": action,
        "outcome": outcome,
        "actor_id": user.pk if user else None,
        "actor_name": _plain((user.get_username() if user else asker.name)[:150]),
        "token_hint": asker.token_hint,
        "door": asker.door,
        "address": asker.address,
        "study_instance_uid": _plain(study[:64]),
        "details": _plain(details or {}),
    }


def _plain(value: Any) -> Any:
    """Return what the database takes: others' words may hold NUL and halves of characters."""
    if isinstance(value, str):
        if value.isprintable():
            return value
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
