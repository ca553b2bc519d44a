"""New cases for saved searches: found by the scheduler, within their owners' rights of the moment.

Only what is new is looked at: vectors past the last one seen, or, for a search by words alone,
texts that changed since. A search by a picture and words goes by the picture. Cases that were in
the archive before the search was begun are never new, whatever is embedded anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models.functions import Cast
from django.utils import timezone
from pgvector.django import HalfVectorField

from archive.errors import ArchiveError, NotVisibleError
from inference.models import Calibration, Embedding, SearchMatch, SearchSession, SeriesText
from inference.similarity.filters import permitted_rows, series_condition
from inference.similarity.metrics import distance_function, score_of
from inference.similarity.quality.quantiles import level_quantiles
from inference.similarity.questions import Question, resolve_question, scope_of
from inference.similarity.searches.matches import tell_of_matches
from inference.similarity.searches.novelty import is_by_words_alone, microseconds
from inference.similarity.searches.selectors import current_query, searches_that_notify
from inference.similarity.spaces.registry import find_space
from inference.similarity.types import Level
from inference.similarity.words.ranking import rank_expression, text_query

if TYPE_CHECKING:
    from inference.models import EmbeddingSpace
    from inference.similarity.types import SimilarQuery

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a person is told of must be rarer among random pairs than this percentile.
LEAST_PERCENTILE = 99
# A series may still be arriving, and its vector with it; and keys are given before commits.
SETTLING = timedelta(minutes=2)
# Vectors of all spaces and levels passed in one step, and texts.
_VECTORS_A_STEP = 20_000
_TEXTS_A_STEP = 2_000
_STEPS = 50
# Older unseen matches give way: nobody reads further.
MAX_MATCHES = 500
FORGOTTEN_AFTER = timedelta(days=30)


class _Match(NamedTuple):
    study_id: int
    series_id: int
    patient_id: int
    score: float


def find_new_matches(*, settling: timedelta = SETTLING) -> int:
    """Look for new cases on behalf of every search that notifies; goes on where it ended.

    Parameters
    ----------
    settling : what is younger waits for the next time

    Returns
    -------
    How many matches are new.
    """
    horizon = timezone.now() - settling
    found = 0
    for session in searches_that_notify():
        try:
            found += _look_for(session, horizon)
        except ArchiveError as error:
            # Its objects may be hidden from the owner by now, or its space gone: nothing is told.
            logger.info(
                "a saved search could not be asked",
                extra={"search": session.pk, "reason": error.code},
            )
    return found


def forget_unnamed_searches() -> int:
    """Delete sessions that nobody named and nobody asked on for a month.

    Returns
    -------
    How many were deleted.
    """
    old = SearchSession.objects.filter(name="", updated_at__lt=timezone.now() - FORGOTTEN_AFTER)
    return old.delete()[1].get(SearchSession._meta.label, 0)  # noqa: SLF001 Django's documented API


def _look_for(session: SearchSession, horizon: datetime) -> int:
    query = replace(current_query(session), level=Level.SERIES)
    if is_by_words_alone(query):
        return _look_among_texts(session, query, horizon)
    space = find_space(query.space)
    cuts = _Cuts.of(space)
    if cuts is None:
        return 0
    question = resolve_question(session.owner, query, space)
    found = 0
    for _ in range(_STEPS):
        last = _end_of_step(session.notified_through, horizon)
        if last is None:
            break
        matches = _close_vectors(session, query, question, space, cuts, last)
        found += _note(session, query, matches, through=last)
    return found


@dataclass(frozen=True, slots=True)
class _Cuts:
    """From which score on a person is told: the calibrated cut, and rare among random pairs."""

    least: float
    by_modality: dict[str, float]

    @classmethod
    def of(cls, space: EmbeddingSpace) -> _Cuts | None:
        """Return a space's cuts; None where nothing has been measured yet."""
        rows = Calibration.objects.filter(space=space, level=Embedding.Level.SERIES)
        cuts = dict(rows.values_list("modality", "cut"))
        quantiles = level_quantiles(space, Embedding.Level.SERIES)
        if not cuts and not quantiles:
            return None
        place = round(LEAST_PERCENTILE / 100 * (len(quantiles) - 1))
        return cls(quantiles[place] if quantiles else float("-inf"), cuts)

    def is_close(self, score: float, modality: str) -> bool:
        cut = self.by_modality.get(modality, self.by_modality.get("", self.least))
        return score >= max(cut, self.least)


def _end_of_step(after: int, horizon: datetime) -> int | None:
    """Return the key up to which vectors are looked at next; None where none are settled."""
    rows = Embedding.objects.filter(pk__gt=after).order_by("pk")
    last = None
    for pk, created_at in rows.values_list("pk", "created_at")[:_VECTORS_A_STEP]:
        if created_at > horizon:
            break
        last = pk
    return last


def _close_vectors(
    session: SearchSession,
    query: SimilarQuery,
    question: Question,
    space: EmbeddingSpace,
    cuts: _Cuts,
    last: int,
) -> list[_Match]:
    stored = Cast("vector", HalfVectorField(dimensions=space.dimension))
    distance = distance_function(space.metric)(stored, question.vector)
    found = []
    for _, rows in permitted_rows(session.owner, space, scope_of(query, question)):
        new = rows.filter(
            pk__gt=session.notified_through,
            pk__lte=last,
            series__created_at__gte=session.created_at,
        )
        columns = ("study_id", "series_id", "study__patient_id", "series__modality")
        for row in new.annotate(far=distance).values_list(*columns, "far"):
            score = score_of(space.metric, row[4])
            if cuts.is_close(score, row[3]):
                found.append(_Match(row[0], row[1], row[2], score))
    return found


def _look_among_texts(session: SearchSession, query: SimilarQuery, horizon: datetime) -> int:
    found = 0
    for _ in range(_STEPS):
        since = _EPOCH + timedelta(microseconds=session.notified_through)
        changed = SeriesText.objects.filter(updated_at__gt=since, updated_at__lte=horizon)
        ends = list(
            changed.order_by("updated_at").values_list("updated_at", flat=True)[:_TEXTS_A_STEP]
        )
        if not ends:
            break
        asked = text_query(query.text)
        rows = changed.filter(
            series_condition(session.owner, scope_of(query, Question(words=query.text))),
            updated_at__lte=ends[-1],
            series__created_at__gte=session.created_at,
            document=asked,
        )
        columns = ("study_id", "series_id", "study__patient_id", "rank")
        matches = [
            _Match(*row) for row in rows.annotate(rank=rank_expression(asked)).values_list(*columns)
        ]
        found += _note(session, query, matches, through=microseconds(ends[-1]))
    return found


def _note(
    session: SearchSession, query: SimilarQuery, matches: list[_Match], *, through: int
) -> int:
    """Write matches and how far was looked, both or neither; nothing if the search has changed."""
    with transaction.atomic():
        unchanged = SearchSession.objects.select_for_update().filter(
            pk=session.pk,
            is_notifying=True,
            position=session.position,
            notified_through=session.notified_through,
        )
        if not unchanged.exists():
            raise NotVisibleError("The search has changed meanwhile.")
        known = session.matches.filter(series_id__in=[match.series_id for match in matches])
        told = set(known.values_list("series_id", flat=True))
        rows = [
            SearchMatch(
                session=session, study_id=match.study_id, series_id=match.series_id,
                score=round(match.score, 6),
            )
            for match in _best(matches, is_folded=query.fold)
            if match.series_id not in told
        ]  # fmt: skip
        SearchMatch.objects.bulk_create(rows, ignore_conflicts=True)
        kept = session.matches.order_by("-pk").values("pk")[:MAX_MATCHES]
        session.matches.exclude(pk__in=kept).delete()
        # Not by save(): being told of a match is no change of the search.
        SearchSession.objects.filter(pk=session.pk).update(notified_through=through)
        if rows:
            tell_of_matches(session)
    session.notified_through = through
    return len(rows)


def _best(matches: list[_Match], *, is_folded: bool) -> list[_Match]:
    """Order weakest first, so that the newest row is the best; one a patient where folded."""
    ordered = sorted(matches, key=lambda match: (match.score, -match.series_id))
    if not is_folded:
        return ordered
    return list({match.patient_id: match for match in ordered}.values())
