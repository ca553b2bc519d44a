"""What is to go to which peer: rows written by arriving instances and by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import holds_role
from archive.audit import forwarding as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, LimitExceededError, NotAllowedError, NotVisibleError
from archive.forwarding.matching import instances_matching, next_opening, sendable_instances
from archive.models import Forward, ForwardingRule, Peer, Study
from archive.models.access import STORING_ROLES
from archive.models.prepared import Prepared
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

_AT_ONCE = 2000
# What one request of a person may set in motion.
MAX_STUDIES, MAX_INSTANCES = 200, 50_000


def queue_arrivals(instance_ids: Sequence[int]) -> int:
    """Queue new instances for the peers that the rules name.

    Told twice, nothing is queued twice: a peer is sent an instance once.

    Returns
    -------
    how many rows were offered to the queue
    """
    rules = ForwardingRule.objects.filter(is_enabled=True, peer__is_enabled=True)
    return sum(_queue_for(rule, instance_ids) for rule in rules.order_by("pk"))


def _queue_for(rule: ForwardingRule, instance_ids: Sequence[int]) -> int:
    matching = instances_matching(rule).filter(pk__in=instance_ids).order_by("pk")
    not_before = next_opening(rule, timezone.now())
    rows = [
        Forward(
            peer_id=rule.peer_id,
            instance_id=instance,
            study_id=study,
            rule=rule,
            not_before=not_before,
        )
        for instance, study in matching.values_list("pk", "series__study_id").distinct()
    ]
    Forward.objects.bulk_create(rows, batch_size=_AT_ONCE, ignore_conflicts=True)
    return len(rows)


def may_send_any(user: AnyUser) -> bool:
    """Whether the user may send studies of any project to peers."""
    return holds_role(user, STORING_ROLES)


_PEERS = Prepared(
    lambda _: (
        Peer.objects.filter(Q(port__isnull=False) | ~Q(base_url=""), is_enabled=True)
        .order_by()
        .values_list("pk")[:1]
    )
)


def has_peers_for(user: AnyUser) -> bool:
    """Whether the user may send studies, and there is a peer to send to."""
    return may_send_any(user) and bool(_PEERS(None))


def sending_peers(user: AnyUser) -> list[Peer]:
    """Return the peers to which the user may have studies sent."""
    if not may_send_any(user):
        return []
    rows = [peer for peer in Peer.objects.filter(is_enabled=True) if can_receive(peer)]
    return sorted(rows, key=lambda peer: peer.ae_title.lower())


def can_receive(peer: Peer) -> bool:
    """Whether the table says where the peer listens."""
    if peer.protocol == Peer.Protocol.DICOMWEB:
        return bool(peer.base_url)
    return peer.port is not None


def send_studies(*, asker: Asker, peer_id: int, study_uids: Iterable[str]) -> int:
    """Queue whole studies for a peer; what it had before is sent again.

    Parameters
    ----------
    asker
        who sees the studies, and holds a storing role in a project of each
    peer_id
        of a peer that listens somewhere
    study_uids
        at most `MAX_STUDIES`

    Returns
    -------
    how many instances are on their way

    Raises
    ------
    NotVisibleError
        There is no such peer, or no such study for the asker.
    NotAllowedError
        The asker may only look.
    LimitExceededError
        It is more than one request may set in motion.
    """
    user = asker.user
    if user is None or not may_send_any(user):
        raise NotAllowedError(gettext("Your roles do not allow sending studies to peers."))
    peer = next((one for one in sending_peers(user) if one.pk == peer_id), None)
    if peer is None:
        raise NotVisibleError("There is no such peer to send to.")
    studies = _studies(user, sorted(set(study_uids)))
    with transaction.atomic():
        return sum(_send_study(asker, peer, study) for study in studies)


def studies_to_send(user: AnyUser, uids: Sequence[str]) -> list[Study]:
    """Return the studies of these UIDs that the user sees, for the page that asks."""
    wanted = [uid for uid in uids[:MAX_STUDIES] if is_valid_uid(uid)]
    rows = Study.objects.visible_to(user).filter(study_instance_uid__in=wanted)
    return list(rows.select_related("patient"))


def _studies(user: AnyUser, uids: Sequence[str]) -> list[Study]:
    if not uids:
        raise InvalidRequestError(gettext("Name at least one study."))
    if len(uids) > MAX_STUDIES:
        raise LimitExceededError(
            gettext("At most %(most)s studies are sent at once.") % {"most": MAX_STUDIES}
        )
    if not all(is_valid_uid(uid) for uid in uids):
        raise InvalidRequestError(gettext("Name studies by their Study Instance UIDs."))
    found = list(Study.objects.visible_to(user).filter(study_instance_uid__in=uids))
    if len(found) < len(uids):
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    may = readable_projects(user, STORING_ROLES)
    allowed = Study.objects.filter(pk__in=[study.pk for study in found], projects__in=may)
    if allowed.distinct().count() < len(found):
        raise NotAllowedError(gettext("Your role in a study's project only allows you to look."))
    number = sum(study.number_of_study_related_instances for study in found)
    if number > MAX_INSTANCES:
        raise LimitExceededError(
            gettext("At most %(most)s instances are sent at once.") % {"most": MAX_INSTANCES}
        )
    return found


def _send_study(asker: Asker, peer: Peer, study: Study) -> int:
    keys = list(sendable_instances().filter(series__study=study).values_list("pk", flat=True))
    now = timezone.now()
    author = asker.user.pk if asker.user else None
    rows = [
        Forward(peer=peer, instance_id=key, study=study, requested_by_id=author, not_before=now)
        for key in keys
    ]
    ended = Forward.objects.filter(peer=peer, study=study, instance_id__in=keys)
    ended.exclude(state__in=(Forward.State.WAITING, Forward.State.SENDING)).update(
        state=Forward.State.WAITING,
        attempts=0,
        not_before=now,
        lease_until=None,
        finished_at=None,
        message="",
        rule=None,
        requested_by_id=author,
    )
    # What waits for its next attempt, or for the night, is not kept waiting.
    waiting = Forward.objects.filter(peer=peer, study=study, state=Forward.State.WAITING)
    waiting.filter(not_before__gt=now).update(not_before=now, rule=None)
    Forward.objects.bulk_create(rows, batch_size=_AT_ONCE, ignore_conflicts=True)
    audit.record_send_requested(
        asker, study_instance_uid=study.study_instance_uid, peer=peer.ae_title, instances=len(keys)
    )
    return len(keys)
