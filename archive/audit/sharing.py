"""What is shown to whom beside roles: grants, links, and who came by a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from archive.audit.types import Asker


def record_grant(asker: Asker, *, act: str, study: str, user: str, expires: str = "") -> None:
    """Security Alert (110113), user attributes (110137): one study is shown to an account."""
    details = {"user": user, **({"expires": expires} if expires else {})}
    _record(asker, "110113", act, Action.UPDATE, study=study, details=details)


def record_link(asker: Asker, *, act: str, link: str, details: dict[str, Any]) -> None:
    """Security Alert (110113), object's attributes (110136): a share link was made or ended."""
    study = str(details.get("study", ""))
    _record(asker, "110113", act, Action.UPDATE, study=study, details={"link": link, **details})


def record_link_opened(asker: Asker, *, link: str, study: str = "", is_success: bool) -> None:
    """User Authentication (110114): somebody came by a link, or did not know its password."""
    outcome = Outcome.SUCCESS if is_success else Outcome.MINOR_FAILURE
    details = {"link": link}
    _record(
        asker, "110114", "open-link", Action.EXECUTE, study=study, outcome=outcome, details=details
    )
