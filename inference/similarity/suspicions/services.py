"""Look at series for twins and contradictions; let the radiology admin settle what was found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import require_radiology_admin
from archive.audit import services as audit
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import Series
from archive.models.turns import turn_if_free
from inference.models import Embedding, EmbeddingSpace, Run, SeriesCheck, Suspicion
from inference.similarity.quality.closeness import closeness_of
from inference.similarity.suspicions.contradictions import VOTERS, contradictions_of
from inference.similarity.suspicions.neighbours import nearest_of_others
from inference.similarity.suspicions.selectors import suspicions_visible_to
from inference.similarity.suspicions.twins import find_twins
from inference.similarity.types import Level

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser
    from inference.similarity.suspicions.contradictions import Contradiction
    from inference.similarity.suspicions.twins import Twin

logger = logging.getLogger(__name__)

_LOCK = 0x5457434B
# Some voters have no words that count.
_ASKED = 3 * VOTERS


def check_new_series(*, limit: int) -> int:
    """Look at series that are embedded and were not looked at since they last grew.

    One process at a time; another one finds the lock held and does nothing, and nobody does while
    fresh images wait for a model: comparing pictures takes seconds. Open contradictions
    are voted on anew each time, for voters come and go as the archive grows.

    Parameters
    ----------
    limit : series at most

    Returns
    -------
    How many were looked at.
    """
    space = EmbeddingSpace.objects.filter(is_default=True).first()
    if space is None or _are_models_busy():
        return 0
    with turn_if_free(_LOCK) as is_alone:
        if not is_alone:
            return 0
        waiting = list(_unchecked(space)[:limit])
        for series in waiting:
            check_series(space=space, series=series)
        for series in _contradicted(space, limit):
            _check_words(space, series)
    return len(waiting)


def check_series(*, space: EmbeddingSpace, series: Series) -> list[Suspicion]:
    """Look at one series and write down what is suspicious; what was settled stays settled.

    Parameters
    ----------
    space : whose vectors to use
    series : with a vector in the space, its study loaded

    Returns
    -------
    The suspicions that are new.
    """
    twins = find_twins(space, series.pk)
    with transaction.atomic():
        found = [_keep_twin(series, twin) for twin in twins]
        found.append(_check_words(space, series))
        SeriesCheck.objects.update_or_create(
            series=series,
            defaults={"number_of_instances": series.number_of_series_related_instances},
        )
    new = [one for one in found if one is not None]
    if new:
        logger.info("suspicions found", extra={"series": series.pk, "number": len(new)})
    return new


def settle_suspicion(
    *, actor: AnyUser, suspicion_id: int, state: str, note: str = "", asker: Asker | None = None
) -> Suspicion:
    """Confirm, dismiss or reopen a suspicion.

    Parameters
    ----------
    actor : a radiology admin who sees both series
    suspicion_id : key
    state : of `Suspicion.State`
    note : why, at most 500 characters
    asker : written to the audit trail where given

    Returns
    -------
    The suspicion as it is now.

    Raises
    ------
    NotAllowedError
        The actor is no radiology admin.
    NotVisibleError
        It is absent, or one of its series is outside the actor's rights.
    InvalidRequestError
        There is no such state, or the note is too long.
    """
    require_radiology_admin(actor)
    if state not in Suspicion.State.values:
        raise InvalidRequestError(gettext("A suspicion is open, confirmed or dismissed."))
    if len(note) > 500 or "\x00" in note:
        raise InvalidRequestError(gettext("A note has at most 500 characters, none of them NUL."))
    with transaction.atomic():
        visible = suspicions_visible_to(actor).filter(pk=suspicion_id)
        suspicion = visible.select_for_update(of=("self",)).first()
        if suspicion is None:
            raise NotVisibleError("There is no such suspicion.")
        is_open = state == Suspicion.State.OPEN
        suspicion.state = state
        suspicion.note = note.strip()
        suspicion.resolved_by_id = None if is_open else actor.pk
        suspicion.resolved_at = None if is_open else timezone.now()
        suspicion.save(update_fields=["state", "note", "resolved_by", "resolved_at"])
        if asker is not None:
            audit.record_suspicion_settled(
                asker,
                study_instance_uid=suspicion.series.study.study_instance_uid,
                suspicion=suspicion.pk,
                state=state,
            )
    return suspicion


def _are_models_busy() -> bool:
    open_states = (Run.State.QUEUED, Run.State.RUNNING)
    return Run.objects.filter(state__in=open_states, is_background=False).exists()


def _unchecked(space: EmbeddingSpace) -> QuerySet[Series]:
    embedded = Embedding.objects.filter(space=space, level=Embedding.Level.SERIES)
    changed = ~Q(check_row__number_of_instances=F("number_of_series_related_instances"))
    rows = Series.objects.filter(
        pk__in=embedded.values("series_id"), withheld=Series.Withheld.NOT
    ).filter(Q(check_row__isnull=True) | changed)
    return rows.select_related("study").order_by("-pk")


def _contradicted(space: EmbeddingSpace, limit: int) -> QuerySet[Series]:
    """Return the series of open contradictions, in an order that changes: all get their turn."""
    rows = Series.objects.filter(
        suspicions__kind=Suspicion.Kind.CONTRADICTION,
        suspicions__state=Suspicion.State.OPEN,
        withheld=Series.Withheld.NOT,
        embeddings__space=space,
        embeddings__level=Embedding.Level.SERIES,
    )
    return rows.select_related("study").order_by("?")[:limit]


def _check_words(space: EmbeddingSpace, series: Series) -> Suspicion | None:
    """Let those that are close vote; where nothing says what close means, nobody does."""
    row = (
        Embedding.objects.select_related("study")
        .filter(space=space, series=series, level=Embedding.Level.SERIES)
        .first()
    )
    neighbours = nearest_of_others(space, row, _ASKED) if row is not None else []
    scores = [near.score for near in neighbours]
    cut = closeness_of(space, Level.SERIES, [], scores).cut
    close = [near for near in neighbours if cut is not None and near.score >= cut]
    found = contradictions_of(
        body_part=series.body_part_examined, modality=series.modality, neighbours=close
    )
    return _keep_contradictions(series, found)


def _keep_twin(series: Series, twin: Twin) -> Suspicion | None:
    first, second = sorted([series.pk, twin.other_series_id])
    is_first = first == series.pk
    ours, theirs = (
        {"instance": twin.instance_uid, "frame": twin.frame},
        {"instance": twin.other_instance_uid, "frame": twin.other_frame},
    )
    verification = twin.verification
    suspicion, is_new = Suspicion.objects.get_or_create(
        kind=Suspicion.Kind.NEAR_DUPLICATE,
        series_id=first,
        other_series_id=second,
        defaults={
            "score": twin.score,
            "evidence": {
                "series": ours if is_first else theirs,
                "other": theirs if is_first else ours,
                "keypoints": verification.inliers,
                "method": verification.method,
                "correlation": round(verification.correlation, 4),
                "overlap": round(verification.overlap, 4),
            },
        },
    )
    return suspicion if is_new else None


def _keep_contradictions(series: Series, found: list[Contradiction]) -> Suspicion | None:
    """Write the contradictions of a series in one row; drop an open one that no longer holds."""
    rows = Suspicion.objects.filter(kind=Suspicion.Kind.CONTRADICTION, series=series)
    if not found:
        rows.filter(state=Suspicion.State.OPEN).delete()
        return None
    suspicion, is_new = Suspicion.objects.get_or_create(
        kind=Suspicion.Kind.CONTRADICTION,
        series=series,
        other_series=None,
        defaults={
            "score": max(one.share for one in found),
            "evidence": {
                "contradictions": [
                    {
                        "attribute": one.attribute,
                        "stated": one.stated,
                        "seen": one.seen,
                        "votes": one.votes,
                        "voters": one.voters,
                    }
                    for one in found
                ]
            },
        },
    )
    return suspicion if is_new else None
