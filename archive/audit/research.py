"""Research: decisions of patients, copies without identity, pseudonyms opened. Never a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.audit.services import Action, Outcome, _record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker


def record_research_decision(
    asker: Asker, *, study_instance_uid: str, is_refused: bool, withdrawn: int
) -> None:
    """Patient Record (110110): whether images may be used for research; how many copies went."""
    act = "refuse-research" if is_refused else "permit-research"
    details = {"withdrawn": withdrawn}
    _record(asker, "110110", act, Action.UPDATE, study=study_instance_uid, details=details)


def record_way_out(
    asker: Asker, *, study_instance_uid: str, instances: int, details: Mapping[str, Any]
) -> None:
    """Export (110106) without identity: written before anything of a study leaves."""
    _record(
        asker,
        "110106",
        "export",
        Action.READ,
        study=study_instance_uid,
        details={**details, "instances": instances, "deidentified": True},
    )


def record_reidentified(asker: Asker, *, study_instance_uid: str, realm: str, asked: int) -> None:
    """Security Alert (110113): somebody was told for whom a pseudonym stands."""
    details = {"realm": realm, "reidentification": asked}
    _record(asker, "110113", "reidentify", Action.READ, study=study_instance_uid, details=details)


def record_reidentify_refused(asker: Asker, *, realm: str, asked: int) -> None:
    """Security Alert (110113): somebody asked for whom a pseudonym stands, and was not told."""
    details = {"realm": realm, "reidentification": asked}
    outcome = Outcome.MINOR_FAILURE
    _record(asker, "110113", "reidentify", Action.READ, outcome=outcome, details=details)


def record_keys_rotated(asker: Asker, *, rows: int) -> None:
    """Security Alert (110113): pseudonyms were sealed anew."""
    _record(asker, "110113", "rotate-pseudonym-key", Action.UPDATE, details={"rows": rows})
