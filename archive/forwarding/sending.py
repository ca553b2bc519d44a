"""Send what waits for a peer, batch by batch, over one connection each."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

from archive.audit import forwarding as audit
from archive.audit.types import Asker
from archive.errors import ArchiveError
from archive.forwarding import claiming
from archive.forwarding.clients import client_of
from archive.models import Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.forwarding.types import SendOutcome
    from archive.models import Forward

logger = logging.getLogger(__name__)

DOOR = "forwarding"
_NO_ANSWER = "The connection was lost before the peer answered."


def send_due(peer_id: int, *, for_s: float) -> int:
    """Send what is due for a peer until nothing is or the time is up.

    Parameters
    ----------
    peer_id
        the peer
    for_s
        no batch is begun after so many seconds

    Returns
    -------
    how many instances the peer took
    """
    peer = Peer.objects.filter(pk=peer_id, is_enabled=True).first()
    end = time.monotonic() + for_s
    sent = 0
    while peer is not None and time.monotonic() < end:
        batch = claiming.claim_batch(peer)
        if not batch:
            break
        taken, is_reachable = _send_batch(peer, batch)
        sent += taken
        if not is_reachable:
            break
    return sent


def _send_batch(peer: Peer, batch: Sequence[Forward]) -> tuple[int, bool]:
    """Send one batch; return how many were taken and whether it is worth going on."""
    open_rows = {row.instance.sop_instance_uid: row for row in batch}
    sent: list[int] = []
    _note_transfer(peer, batch)
    try:
        for outcome in client_of(peer).send(peer, [row.instance for row in batch]):
            row = open_rows.pop(outcome.sop_instance_uid, None)
            if row is not None:
                _note(row, outcome, sent)
    except ArchiveError as error:
        claiming.note_sent(sent)
        return len(sent), _put_off(peer, list(open_rows.values()), error)
    except BaseException:
        # A worker that is told to stop: what was not sent is there for the next one at once.
        claiming.note_sent(sent)
        claiming.give_back([row.pk for row in open_rows.values()])
        raise
    claiming.note_sent(sent)
    claiming.put_off([row.pk for row in open_rows.values()], _NO_ANSWER)
    return len(sent), not open_rows


def _note(row: Forward, outcome: SendOutcome, sent: list[int]) -> None:
    if outcome.is_sent:
        sent.append(row.pk)
    elif outcome.is_retriable:
        claiming.put_off([row.pk], outcome.message)
    else:
        claiming.note_refused(row.pk, outcome.message)


def _put_off(peer: Peer, rows: Sequence[Forward], error: ArchiveError) -> bool:
    """Let the rest of a batch wait, and with it what else is due for the peer."""
    logger.warning("peer %s takes nothing: %s", peer.ae_title, error.code)
    claiming.put_off([row.pk for row in rows], error.message)
    claiming.put_off_peer(peer, error.message)
    return False


def _note_transfer(peer: Peer, batch: Sequence[Forward]) -> None:
    """Put the transfer on record, for each study and who asked, before the first byte leaves."""
    counts = Counter(
        (row.instance.series.study.study_instance_uid, row.requested_by) for row in batch
    )
    for (study_uid, user), number in counts.items():
        asker = Asker(door=DOOR, user=user, name=peer.ae_title)
        audit.record_sent(asker, study_instance_uid=study_uid, peer=peer.ae_title, instances=number)
