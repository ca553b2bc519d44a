"""What a rejection note may do: what whoever sent it may do themselves.

Rejecting wants a role that stores in one of the study's projects; of a peer without an account,
that the study lies in the peer's own project. Deleting wants a radiology admin of all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.access.projects import unassigned_project
from archive.audit import removals as audit
from archive.audit.types import Asker
from archive.curation.removals import may_remove
from archive.dicom.rejection_notes import RETENTION_EXPIRED
from archive.models import NoteArrival, Peer, Study
from archive.models.access import STORING_ROLES
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.dicom.rejection_notes import RejectionNote

# Who works on the machine itself.
_OPERATORS = frozenset({"import"})


def is_obeyed(note: RejectionNote, study: Study) -> bool:
    """Whether a note has its way; decided once, and on record where it has not.

    Parameters
    ----------
    note
        that arrived in the study
    study
        whose row is locked
    """
    rows = NoteArrival.objects.select_for_update(of=("self",)).select_related("account", "project")
    arrival = rows.filter(sop_instance_uid=note.sop_instance_uid).first()
    if arrival is None:
        # It came before anybody kept from whom.
        return True
    if arrival.is_obeyed is None:
        arrival.is_obeyed = _may(arrival, note, study)
        arrival.save(update_fields=["is_obeyed"])
        if not arrival.is_obeyed:
            asker = Asker(door=arrival.door, user=arrival.account, name=arrival.source[:150])
            audit.record_note_refused(
                asker,
                study_instance_uid=study.study_instance_uid,
                note=note.sop_instance_uid,
                code=note.code,
            )
    return bool(arrival.is_obeyed)


def _may(arrival: NoteArrival, note: RejectionNote, study: Study) -> bool:
    is_deleting = note.code == RETENTION_EXPIRED
    if arrival.had_account:
        return arrival.account is not None and _account_may(arrival.account, study, is_deleting)
    if arrival.door in _OPERATORS:
        return True
    home = arrival.project or unassigned_project()
    if not is_deleting and study.projects.filter(pk=home.pk).exists():
        return True
    peers = Peer.objects.filter(ae_title=arrival.source, is_enabled=True, account__isnull=False)
    accounts = [peer.account for peer in peers.select_related("account")]
    return any(one is not None and _account_may(one, study, is_deleting) for one in accounts)


def _account_may(account: User, study: Study, is_deleting: bool) -> bool:  # noqa: FBT001 two acts
    if not account.is_active or not Study.objects.visible_to(account).filter(pk=study.pk).exists():
        return False
    if is_deleting:
        return may_remove(account, study)
    return readable_projects(account, STORING_ROLES).filter(studies=study).exists()
