"""Who signed in and out, and who changed what accounts may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_logout(asker: Asker) -> None:
    """User Authentication (110114): logout (110123)."""
    _record(asker, "110114", "logout", Action.EXECUTE)


def record_session_ended(
    asker: Asker, *, reason: str, sessions: int = 1, username: str = ""
) -> None:
    """User Authentication (110114): sessions that ended otherwise, and why."""
    whose = {"user": username} if username else {}
    details = {"reason": reason, "sessions": sessions, **whose}
    _record(asker, "110114", "end-session", Action.EXECUTE, details=details)


def record_proof(asker: Asker, *, is_success: bool) -> None:
    """User Authentication (110114): somebody signed in proved again who they are."""
    outcome = Outcome.SUCCESS if is_success else Outcome.MINOR_FAILURE
    _record(asker, "110114", "prove-again", Action.EXECUTE, outcome=outcome)


def record_second_step_failed(asker: Asker) -> None:
    """User Authentication (110114): the password was right, the second step wrong."""
    _record(asker, "110114", "second-step", Action.EXECUTE, outcome=Outcome.MINOR_FAILURE)


def record_lockout(asker: Asker) -> None:
    """Security Alert (110113): too many wrong passwords for a name from an address."""
    _record(asker, "110113", "lock-out", Action.EXECUTE, outcome=Outcome.SERIOUS_FAILURE)


def record_tokens_refused(asker: Asker, *, tries: int) -> None:
    """Security Alert (110113): an address tries tokens that there aren't."""
    _record(
        asker,
        "110113",
        "refuse-tokens",
        Action.EXECUTE,
        outcome=Outcome.SERIOUS_FAILURE,
        details={"tries": tries},
    )


def record_account_changed(
    asker: Asker, *, act: str, username: str, details: dict[str, Any] | None = None
) -> None:
    """Security Alert (110113): an account, its roles or what it signs in with was changed."""
    _record(asker, "110113", act, Action.UPDATE, details={"user": username, **(details or {})})


def record_client_changed(
    asker: Asker, *, act: str, client: str, details: dict[str, Any] | None = None
) -> None:
    """Security Alert (110113): a program's credentials or scopes were changed."""
    _record(asker, "110113", act, Action.UPDATE, details={"client": client, **(details or {})})


def record_client_login(asker: Asker, *, client: str, is_success: bool, reason: str = "") -> None:
    """User Authentication (110114): a program asked for a token."""
    outcome = Outcome.SUCCESS if is_success else Outcome.MINOR_FAILURE
    details = {"client": client, **({"reason": reason} if reason else {})}
    _record(asker, "110114", "client-login", Action.EXECUTE, outcome=outcome, details=details)
