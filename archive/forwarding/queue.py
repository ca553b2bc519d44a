"""The queue as people see it: studies on their way to peers, and what can be done about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count, Max, Min, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import is_site_radiology_admin, require_site_radiology_admin
from archive.audit import forwarding as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import Forward, Peer, Study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# A list looks at so many of the newest rows; what is older has long been sent.
_LOOKED_AT = 10_000
STATES = tuple(Forward.State.values)
OPEN = (Forward.State.WAITING, Forward.State.SENDING)
_ENDED = (Forward.State.FAILED, Forward.State.CANCELLED)


@dataclass(frozen=True)
class Shipment:
    """A study on its way to a peer."""

    peer: Peer
    study: Study
    waiting: int
    sending: int
    sent: int
    failed: int
    cancelled: int
    not_before: datetime | None
    last_at: datetime
    message: str

    @property
    def total(self) -> int:
        """How many instances."""
        return self.waiting + self.sending + self.sent + self.failed + self.cancelled

    @property
    def state(self) -> str:
        """The state that matters most to who looks."""
        for state in ("sending", "failed", "waiting", "cancelled"):
            if getattr(self, state):
                return state
        return "sent"

    @property
    def share(self) -> int:
        """How much of it the peer has, in percent."""
        return 100 * self.sent // max(self.total, 1)


def list_shipments(
    user: AnyUser, *, states: Sequence[str] = (), peer_id: int | None = None, limit: int = 50
) -> list[Shipment]:
    """Return the studies of which an instance is in one of the states, the latest first.

    Raises
    ------
    NotAllowedError
        Only radiology admins of the whole archive see every study's way.
    """
    require_site_radiology_admin(user)
    rows = Forward.objects.all()
    if states:
        rows = rows.filter(state__in=states)
    if peer_id is not None:
        rows = rows.filter(peer=peer_id)
    newest = rows.order_by("-pk").values("pk")[:_LOOKED_AT]
    pairs = (
        Forward.objects.filter(pk__in=newest)
        .order_by()
        .values("peer", "study")
        .annotate(last=Max("pk"))
        .order_by("-last")[:limit]
    )
    return _shipments([(pair["peer"], pair["study"]) for pair in pairs])


def _shipments(pairs: Sequence[tuple[int, int]]) -> list[Shipment]:
    if not pairs:
        return []
    wanted = Q()
    for peer, study in pairs:
        wanted |= Q(peer=peer, study=study)
    figures: dict[str, Any] = {
        state: Count("pk", filter=Q(state=state)) for state in Forward.State.values
    }
    found = Forward.objects.filter(wanted).order_by().values("peer", "study")
    counted = found.annotate(
        **figures,
        next_try=Min("not_before", filter=Q(state="waiting")),
        last_at=Max("created_at"),
        finished=Max("finished_at"),
        said=Max("message"),
    )
    by_pair: dict[tuple[int, int], Any] = {(row["peer"], row["study"]): row for row in counted}
    peers = Peer.objects.in_bulk({peer for peer, _ in pairs})
    studies = Study.objects.select_related("patient").in_bulk({study for _, study in pairs})
    return [
        _shipment(peers[peer], studies[study], by_pair[peer, study])
        for peer, study in pairs
        if (peer, study) in by_pair
    ]


def _shipment(peer: Peer, study: Study, row: dict[str, Any]) -> Shipment:
    return Shipment(
        peer=peer,
        study=study,
        **{state: row[state] for state in Forward.State.values},
        not_before=row["next_try"],
        last_at=row["finished"] or row["last_at"],
        message=row["said"] or "",
    )


def failed_count(user: AnyUser) -> int:
    """How many instances peers did not take, as far as that is the user's concern."""
    if not is_site_radiology_admin(user):
        return 0
    return len(Forward.objects.filter(state=Forward.State.FAILED).order_by().values("pk")[:1000])


def study_key(user: AnyUser, study_instance_uid: str) -> int:
    """Return the key of a study that the user sees; NotVisibleError where there is none."""
    study = None
    if is_valid_uid(study_instance_uid):
        rows = Study.objects.visible_to(user)
        study = rows.filter(study_instance_uid=study_instance_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    return int(study.pk)


def retry(*, asker: Asker, peer_id: int, study_id: int | None = None) -> int:
    """Send again what failed or was cancelled, and at once what waits.

    Parameters
    ----------
    asker
        a radiology admin of the whole archive
    peer_id
        of the peer
    study_id
        key of one study; every study's failures where there is none

    Returns
    -------
    how many instances are on their way again
    """
    rows = _rows(asker, peer_id, study_id)
    again = _ENDED if study_id is not None else (Forward.State.FAILED,)
    now = timezone.now()
    with transaction.atomic():
        number: int = rows.filter(state__in=again).update(
            state=Forward.State.WAITING,
            attempts=0,
            not_before=now,
            lease_until=None,
            finished_at=None,
            message="",
        )
        waiting = rows.filter(state=Forward.State.WAITING, not_before__gt=now)
        number += waiting.update(not_before=now)
        _record(asker, "retry-forwards", peer_id, study_id, number)
    return number


def cancel(*, asker: Asker, peer_id: int, study_id: int | None = None) -> int:
    """Take what waits for a peer out of the queue; what is being sent now arrives.

    Returns
    -------
    how many instances stay here
    """
    rows = _rows(asker, peer_id, study_id)
    with transaction.atomic():
        number: int = rows.filter(state=Forward.State.WAITING).update(
            state=Forward.State.CANCELLED,
            finished_at=timezone.now(),
            message="Somebody cancelled it.",
        )
        _record(asker, "cancel-forwards", peer_id, study_id, number)
    return number


def _rows(asker: Asker, peer_id: int, study_id: int | None) -> Any:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change the queue."))
    require_site_radiology_admin(asker.user)
    if not Peer.objects.filter(pk=peer_id).exists():
        raise InvalidRequestError(gettext("There is no such peer."))
    rows = Forward.objects.filter(peer=peer_id)
    return rows if study_id is None else rows.filter(study=study_id)


def _record(asker: Asker, act: str, peer_id: int, study_id: int | None, number: int) -> None:
    details = {"peer": peer_id, "study": study_id, "instances": number}
    audit.record_queue_changed(asker, act=act, details=details)
