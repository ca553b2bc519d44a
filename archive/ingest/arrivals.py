"""What is special about some arrivals: withheld from the start, or with a say over others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.dicom.rejection_notes import KEY_OBJECT_SELECTION
from archive.models import ArrivalHold, NoteArrival, Peer
from archive.models.rights_watch import Kept, watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import User

    from archive.ingest.examining import Candidate
    from archive.ingest.types import Origin
    from archive.models import Instance

# (account's key or AE title, Study Instance UID) to what series are withheld for.
Holds = dict[tuple[int | str, str], str]
_holds: Kept[str, Holds] = Kept()


def hold_arrivals(*, key: str, study_instance_uid: str, account: User, reason: str) -> None:
    """Withhold each new series that an account, or a peer that has it, adds to a study from now.

    Parameters
    ----------
    key
        by which the caller releases it
    study_instance_uid
        of the study
    account
        whose series
    reason
        of `Series.Withheld`
    """
    titles = Peer.objects.filter(account=account).values_list("ae_title", flat=True)
    ArrivalHold.objects.update_or_create(
        key=key,
        defaults={
            "study_instance_uid": study_instance_uid,
            "account": account,
            "ae_titles": sorted(set(titles)),
            "reason": reason,
        },
    )


def release_arrivals(keys: Iterable[str]) -> int:
    """Let what comes from now be shown; what came stays as it is.

    Parameters
    ----------
    keys
        of `hold_arrivals`; unknown ones are none

    Returns
    -------
    how many were held
    """
    return ArrivalHold.objects.filter(key__in=[*keys]).delete()[0]


def held_state(origin: Origin, study_instance_uid: str) -> str:
    """Return what a new series is withheld for; empty for hardly anything.

    Parameters
    ----------
    origin
        of the batch
    study_instance_uid
        of the study it is added to
    """
    if origin.withheld:
        return origin.withheld
    holds = _known_holds()
    if not holds:
        return ""
    if origin.actor is not None:
        return holds.get((origin.actor.pk or 0, study_instance_uid), "")
    if origin.door == "dimse":
        return holds.get((origin.source, study_instance_uid), "")
    return ""


def is_special(candidates: Iterable[Candidate], origin: Origin) -> bool:
    """Whether storing takes more than the statement does.

    Parameters
    ----------
    candidates
        of one study
    origin
        of the batch
    """
    for candidate in candidates:
        if candidate.attributes.instance.sop_class_uid == KEY_OBJECT_SELECTION:
            return True
        if held_state(origin, candidate.study_instance_uid):
            return True
    return False


def note_arrivals(origin: Origin, instances: Iterable[Instance]) -> None:
    """Keep from whom key object selections came: rejection notes do what their senders may.

    Parameters
    ----------
    origin
        of the batch
    instances
        just stored, in the caller's transaction
    """
    NoteArrival.objects.bulk_create(
        [
            NoteArrival(
                sop_instance_uid=instance.sop_instance_uid,
                door=origin.door,
                source=origin.source[:255],
                account=origin.actor,
                had_account=origin.actor is not None,
                project=origin.project,
            )
            for instance in instances
            if instance.sop_class_uid == KEY_OBJECT_SELECTION
        ],
        ignore_conflicts=True,
    )


def _known_holds() -> Holds:
    revision = watch.revision
    holds = _holds.get("")
    if holds is None:
        holds = {}
        for hold in ArrivalHold.objects.all():
            holds[hold.account_id, hold.study_instance_uid] = hold.reason
            for title in hold.ae_titles:
                holds[title, hold.study_instance_uid] = hold.reason
        _holds.put("", holds, revision)
    return holds
