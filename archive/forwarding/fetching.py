"""Fetch what waits: a study, or the list of a patient's earlier ones."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from archive.access.selectors import home_project
from archive.errors import ArchiveError, NotAllowedError, PeerRefusedError, StorageError
from archive.forwarding import dimse_client
from archive.forwarding.claiming import pause_after
from archive.forwarding.clients import client_of
from archive.forwarding.prefetching import KEYS, queue_priors
from archive.forwarding.types import FetchCounts
from archive.ingest.services import ingest_files
from archive.ingest.types import IncomingFile, Origin, Outcome
from archive.models import Fetch, Peer, ScheduledStep, Study

if TYPE_CHECKING:
    from archive.models import Project
    from archive.storage.types import SpoolFile

logger = logging.getLogger(__name__)

DOOR = "fetch"
LEASE = timedelta(minutes=6)
# How long a message may be on its way to a worker.
_HANDED_OUT_FOR = timedelta(minutes=2)
MAX_ATTEMPTS = 8
_RENEW_S = 30.0
_State = Fetch.State


def due_fetches() -> list[int]:
    """Return the fetches that may start now and mark them as handed out; bring back lost ones."""
    now = timezone.now()
    lost = Fetch.objects.filter(state=_State.FETCHING, lease_until__lte=now)
    lost.update(state=_State.WAITING, lease_until=None)
    with transaction.atomic():
        due = (
            Fetch.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=_State.WAITING, not_before__lte=now, peer__is_enabled=True)
            .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
            .order_by("pk")
        )
        keys = list(due.values_list("pk", flat=True)[:20])
        Fetch.objects.filter(pk__in=keys).update(lease_until=now + _HANDED_OUT_FOR)
    return keys


def execute_fetch(fetch_id: int) -> None:
    """Do one fetch; delivered twice, the second finds nothing to claim."""
    fetch = _claim(fetch_id)
    if fetch is None:
        return
    try:
        if fetch.study_instance_uid:
            counts = _fetch_study(fetch)
        else:
            counts = FetchCounts(0, message=_ask_for_priors(fetch))
    except ArchiveError as error:
        _put_off(fetch, error)
    except BaseException:
        Fetch.objects.filter(pk=fetch.pk, state=_State.FETCHING).update(
            state=_State.WAITING, lease_until=None, attempts=F("attempts") - 1
        )
        raise
    else:
        _finish(fetch, counts)


def _claim(fetch_id: int) -> Fetch | None:
    with transaction.atomic():
        fetch: Fetch | None = (
            Fetch.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("peer__project", "rule", "requested_by")
            .filter(pk=fetch_id, state=_State.WAITING, peer__is_enabled=True)
            .first()
        )
        if fetch is None:
            return None
        fetch.state = _State.FETCHING
        fetch.attempts += 1
        fetch.lease_until = timezone.now() + LEASE
        fetch.save(update_fields=["state", "attempts", "lease_until"])
    return fetch


def _ask_for_priors(fetch: Fetch) -> str:
    keys = dict.fromkeys(KEYS, "") | {"PatientID": fetch.dicom_patient_id}
    found = client_of(fetch.peer).find(fetch.peer, "STUDY", keys)
    number = queue_priors(fetch, found)
    return f"{number} earlier studies are fetched." if number != 1 else "One is fetched."


def _fetch_study(fetch: Fetch) -> FetchCounts:
    taker = _Taker(fetch)
    peer = fetch.peer
    try:
        counts = client_of(peer).get(peer, fetch.study_instance_uid, taker.take)
    except PeerRefusedError:
        if peer.protocol != Peer.Protocol.DIMSE or taker.taken:
            raise
        # Many systems give studies by C-MOVE alone: they send to the archive's own listener.
        return dimse_client.move(peer, fetch.study_instance_uid, settings.TWINSIGHT_AE_TITLE)
    message = counts.message or taker.refusal
    return FetchCounts(taker.taken, counts.failed + taker.refused, message)


class _Taker:
    """Puts into the archive what a peer gives, and says that the worker is alive."""

    def __init__(self, fetch: Fetch) -> None:
        self.taken = self.refused = 0
        self.refusal = ""
        self._fetch = fetch
        # A peer may give nothing but the study that it was asked for.
        self._origin = Origin(
            door=DOOR,
            source=fetch.peer.ae_title,
            project=_project(fetch),
            study_instance_uid=fetch.study_instance_uid,
            account_id=fetch.requested_by_id,
        )
        self._renewed = time.monotonic()

    def take(self, spool: SpoolFile) -> None:
        """Store one instance."""
        (result,) = ingest_files(files=[IncomingFile(spool)], origin=self._origin)
        if result.outcome is Outcome.FAILED:
            raise result.error or StorageError("The archive could not store it.")
        if result.is_accepted:
            self.taken += 1
        else:
            self.refused += 1
            self.refusal = result.error.message if result.error else ""
        if time.monotonic() - self._renewed > _RENEW_S:
            self._renew()

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        mine = Fetch.objects.filter(pk=self._fetch.pk, state=_State.FETCHING)
        if not mine.update(lease_until=timezone.now() + LEASE, number_of_instances=self.taken):
            raise NotAllowedError("The fetch was cancelled.", code="cancelled")


def _project(fetch: Fetch) -> Project | None:
    """Return where the study goes: where the peer's do, else the asker's, else the patient's."""
    if fetch.peer.project is not None:
        return fetch.peer.project
    if fetch.requested_by is not None:
        return home_project(fetch.requested_by)
    return _project_of_patient(fetch.dicom_patient_id) if fetch.dicom_patient_id else None


def _project_of_patient(patient_id: str) -> Project | None:
    """Return where the patient's newest study lies, or where they are expected."""
    studies = Study.objects.filter(
        patient__dicom_patient_id=patient_id, patient__conflict_of=None, withheld=""
    )
    newest = studies.order_by("-pk").first()
    if newest is not None:
        project: Project | None = newest.projects.order_by("pk").first()
        return project
    steps = ScheduledStep.objects.select_related("project").filter(dicom_patient_id=patient_id)
    step = steps.order_by("-pk").first()
    return step.project if step else None


def _put_off(fetch: Fetch, error: ArchiveError) -> None:
    mine = Fetch.objects.filter(pk=fetch.pk, state=_State.FETCHING)
    message = error.message[:500]
    if error.retriable and fetch.attempts < MAX_ATTEMPTS:
        mine.update(
            state=_State.WAITING,
            lease_until=None,
            not_before=timezone.now() + pause_after(fetch.attempts),
            message=message,
        )
        return
    logger.warning("fetch %s failed: %s", fetch.pk, error.code)
    mine.update(state=_State.FAILED, lease_until=None, finished_at=timezone.now(), message=message)


def _finish(fetch: Fetch, counts: FetchCounts) -> None:
    is_done = counts.received > 0 or not counts.failed
    message = counts.message
    if counts.failed:
        message = f"{counts.failed} instances did not come. {message}".strip()
    if fetch.study_instance_uid and not counts.received and not counts.failed:
        is_done, message = False, message or "The peer gave nothing."
    Fetch.objects.filter(pk=fetch.pk, state=_State.FETCHING).update(
        state=_State.DONE if is_done else _State.FAILED,
        lease_until=None,
        finished_at=timezone.now(),
        number_of_instances=counts.received,
        message=message[:500],
    )
