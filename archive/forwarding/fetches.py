"""What people ask of peers: which studies they have, and that some be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import (
    is_radiology_admin,
    is_site_radiology_admin,
    require_radiology_admin,
)
from archive.audit import forwarding as audit
from archive.dicom.uids import is_valid_uid
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
)
from archive.forwarding.clients import client_of
from archive.forwarding.queueing import can_receive
from archive.models import Fetch, Peer, Study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db.models import QuerySet
    from pydicom.dataset import Dataset

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

MAX_STUDIES = 50
# What a person may ask by, and how long a value may be.
SEARCH_KEYS = ("PatientID", "PatientName", "StudyDate", "ModalitiesInStudy", "AccessionNumber")
_LONGEST = 64
_RETURNED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
_OPEN = (Fetch.State.WAITING, Fetch.State.FETCHING)


@dataclass(frozen=True)
class StudyThere:
    """A study that a peer has."""

    study_uid: str
    patient_id: str
    patient_name: str
    birth_date: str
    date: str
    description: str
    accession_number: str
    modalities: tuple[str, ...]
    instances: str
    is_here: bool
    is_on_the_way: bool


def peers_to_ask(user: AnyUser) -> list[Peer]:
    """Return the peers that can be asked, by name; none for who may not ask."""
    if not is_radiology_admin(user):
        return []
    rows = Peer.objects.filter(is_enabled=True).order_by("ae_title")
    return [peer for peer in rows if can_receive(peer)]


def search_peer(*, asker: Asker, peer_id: int, keys: Mapping[str, str]) -> list[StudyThere]:
    """Ask a peer which studies match.

    Parameters
    ----------
    asker
        a radiology admin
    peer_id
        of a peer that listens somewhere
    keys
        values by `SEARCH_KEYS`, with the wildcards and ranges of DICOM; at least one

    Raises
    ------
    NotAllowedError, NotVisibleError, InvalidRequestError
        Of the request.
    PeerError
        The peer does not answer, or refuses.
    """
    peer = _peer(_admin(asker), peer_id)
    wanted = {key: value.strip() for key, value in keys.items() if value.strip()}
    if not wanted:
        raise InvalidRequestError(gettext("Name a patient, a date or an accession number."))
    for key, value in wanted.items():
        if key not in SEARCH_KEYS or len(value) > _LONGEST or not value.isprintable():
            raise InvalidRequestError(
                gettext("%(key)s can't be asked by, or not by this value.") % {"key": key[:32]}
            )
    found = client_of(peer).find(peer, "STUDY", dict.fromkeys(_RETURNED, "") | wanted)
    audit.record_peer_query(asker, peer=peer.ae_title, keys=sorted(wanted), results=len(found))
    return _with_states(asker.user, peer, found)


def _with_states(user: Any, peer: Peer, found: Iterable[Dataset]) -> list[StudyThere]:
    by_uid = {_text(answer, "StudyInstanceUID"): answer for answer in found}
    uids = [uid for uid in by_uid if is_valid_uid(uid)]
    here = Study.objects.visible_to(user).filter(study_instance_uid__in=uids)
    known = set(here.values_list("study_instance_uid", flat=True))
    coming = _seen_by(user).filter(peer=peer, study_instance_uid__in=uids, state__in=_OPEN)
    on_the_way = set(coming.values_list("study_instance_uid", flat=True))
    rows = [
        _study_there(by_uid[uid], uid, is_here=uid in known, is_coming=uid in on_the_way)
        for uid in uids
    ]
    return sorted(rows, key=lambda row: row.date, reverse=True)


def _study_there(answer: Dataset, uid: str, *, is_here: bool, is_coming: bool) -> StudyThere:
    modalities = answer.get("ModalitiesInStudy") or ()
    listed = [modalities] if isinstance(modalities, str) else list(modalities)
    return StudyThere(
        study_uid=uid,
        patient_id=_text(answer, "PatientID"),
        patient_name=_text(answer, "PatientName"),
        birth_date=_day(_text(answer, "PatientBirthDate")),
        date=_day(_text(answer, "StudyDate")),
        description=_text(answer, "StudyDescription"),
        accession_number=_text(answer, "AccessionNumber"),
        modalities=tuple(str(one) for one in listed),
        instances=_text(answer, "NumberOfStudyRelatedInstances"),
        is_here=is_here,
        is_on_the_way=is_coming,
    )


def fetch_studies(
    *, asker: Asker, peer_id: int, study_uids: Sequence[str], patient_id: str = ""
) -> int:
    """Queue studies to be fetched from a peer; one that is on its way already is left alone.

    Returns
    -------
    how many are new in the queue

    Raises
    ------
    NotAllowedError, NotVisibleError, InvalidRequestError, LimitExceededError
        Of the request.
    """
    user = _admin(asker)
    peer = _peer(user, peer_id)
    uids = sorted(set(study_uids))
    if not uids or not all(is_valid_uid(uid) for uid in uids):
        raise InvalidRequestError(gettext("Name studies by their Study Instance UIDs."))
    if len(uids) > MAX_STUDIES:
        raise LimitExceededError(
            gettext("At most %(most)s studies are fetched at once.") % {"most": MAX_STUDIES}
        )
    number = 0
    for uid in uids:
        fetch = Fetch(
            peer=peer,
            study_instance_uid=uid,
            dicom_patient_id=patient_id[:64],
            requested_by_id=user.pk,
            not_before=timezone.now(),
        )
        try:
            with transaction.atomic():
                fetch.save()
                audit.record_fetch_requested(asker, study_instance_uid=uid, peer=peer.ae_title)
        except IntegrityError:
            continue
        number += 1
    return number


def list_fetches(user: AnyUser, *, states: Sequence[str] = ()) -> QuerySet[Fetch]:
    """Return fetches, the newest first: one's own, or all for admins of the whole archive."""
    require_radiology_admin(user)
    rows = _seen_by(user).select_related("peer", "rule", "requested_by")
    return rows.filter(state__in=states) if states else rows


def cancel_fetch(*, asker: Asker, fetch_id: int) -> Fetch:
    """Take a fetch out of the queue; one under way stops within half a minute."""
    fetch = _fetch(asker, fetch_id)
    with transaction.atomic():
        number = Fetch.objects.filter(pk=fetch.pk, state__in=_OPEN).update(
            state=Fetch.State.CANCELLED, finished_at=timezone.now(), lease_until=None
        )
        if not number:
            raise InvalidRequestError(gettext("It is over already."))
        audit.record_queue_changed(asker, act="cancel-fetch", details={"fetch": fetch.pk})
    fetch.refresh_from_db()
    return fetch


def retry_fetch(*, asker: Asker, fetch_id: int) -> Fetch:
    """Fetch again what failed or was cancelled, or at once what waits."""
    fetch = _fetch(asker, fetch_id)
    if fetch.state in {Fetch.State.DONE, Fetch.State.FETCHING}:
        raise InvalidRequestError(gettext("It is done, or under way."))
    fetch.state = Fetch.State.WAITING
    fetch.attempts, fetch.message = 0, ""
    fetch.not_before, fetch.lease_until, fetch.finished_at = timezone.now(), None, None
    try:
        with transaction.atomic():
            fetch.save()
            audit.record_queue_changed(asker, act="retry-fetch", details={"fetch": fetch.pk})
    except IntegrityError as error:
        raise InvalidRequestError(gettext("The same is on its way already.")) from error
    return fetch


def own_ae_title() -> str:
    """Return the AE title that peers must know to send here by C-MOVE."""
    return str(settings.TWINSIGHT_AE_TITLE)


def _fetch(asker: Asker, fetch_id: int) -> Fetch:
    fetch = _seen_by(_admin(asker)).select_related("peer").filter(pk=fetch_id).first()
    if fetch is None:
        raise NotVisibleError("There is no such fetch.")
    return fetch


def _seen_by(user: AnyUser) -> QuerySet[Fetch]:
    """Keep what the user asked for: fetches name patients of projects that are not the asker's."""
    rows = Fetch.objects.all()
    return rows if is_site_radiology_admin(user) else rows.filter(requested_by_id=user.pk)


def _admin(asker: Asker) -> Any:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to ask peers."))
    require_radiology_admin(asker.user)
    return asker.user


def _peer(user: AnyUser, peer_id: int) -> Peer:
    peer = next((one for one in peers_to_ask(user) if one.pk == peer_id), None)
    if peer is None:
        raise NotVisibleError("There is no such peer to ask.")
    return peer


def _text(answer: Dataset, keyword: str) -> str:
    return str(answer.get(keyword) or "").strip()


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else text
