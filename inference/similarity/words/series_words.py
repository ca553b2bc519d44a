"""Words by which series are found: what people and models said of them, and descriptions."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import DataError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from archive.dicom.charsets import fold_text
from archive.dicom.writing import OWN_MANUFACTURER
from archive.models import Series, Study
from archive.models.pictures import NOT_PICTURES
from inference.models import Finding, Label, SeriesText
from inference.similarity.words.reports import report_text

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

# A model's statement counts as said from this probability on.
LEAST_PROBABILITY = 0.5
_BATCH = 200
_MISSING_BATCH = 5000
_MAX_CHARACTERS = 30_000
# Results, documents, and what our own models have drawn, such as heat maps, are found through the
# images that they belong to: `pictures_filter`, as SQL.
_PICTURES = "NOT modality = ANY(%s) AND NOT (modality = 'OT' AND manufacturer = %s)"
_NO_PICTURES = (sorted(NOT_PICTURES), OWN_MANUFACTURER)

_DOCUMENT = " || ".join(
    f"setweight(to_tsvector('{configuration}', %s), '{weight}')"
    for weight in "ABCD"
    for configuration in ("english", "simple")
)


def mark_words_stale(study_ids: Iterable[int]) -> None:
    """Note that what series are found by has changed; `refresh_words` makes it anew, soon.

    Called in the transaction of the change, so that neither is there without the other.

    Parameters
    ----------
    study_ids : keys of studies, whose series are all marked
    """
    keys = sorted(set(study_ids))
    if not keys:
        return
    with connection.cursor() as cursor:
        # Never only where it isn't stale yet: a refresh under way reads the row as it was, and
        # this has to wait for its end.
        cursor.execute(
            "INSERT INTO inference_seriestext"  # noqa: S608 a constant
            " (series_id, study_id, document, is_stale, updated_at)"
            " SELECT id, study_id, '', true, now() FROM archive_series"
            f" WHERE study_id = ANY(%s) AND {_PICTURES} ORDER BY id"
            " ON CONFLICT (series_id) DO UPDATE SET is_stale = true",
            [keys, *_NO_PICTURES],
        )


def mark_missing_words(*, limit: int = _MISSING_BATCH) -> int:
    """Mark series that have no words yet: from before there were any, or lost on the way.

    Parameters
    ----------
    limit : series at most

    Returns
    -------
    How many were marked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inference_seriestext"  # noqa: S608 a constant
            " (series_id, study_id, document, is_stale, updated_at)"
            f" SELECT id, study_id, '', true, now() FROM archive_series WHERE {_PICTURES}"
            " AND NOT EXISTS (SELECT 1 FROM inference_seriestext WHERE series_id ="
            " archive_series.id) ORDER BY id LIMIT %s ON CONFLICT (series_id) DO NOTHING",
            [*_NO_PICTURES, limit],
        )
        return int(cursor.rowcount)


def has_stale_words(study_id: int) -> bool:
    """Tell whether words of a study are still to be made.

    Parameters
    ----------
    study_id : key

    Returns
    -------
    True until the next refresh.
    """
    return SeriesText.objects.filter(study_id=study_id, is_stale=True).exists()


def refresh_words(*, limit: int = _BATCH) -> int:
    """Make the words of stale series anew, study by study; safe to run twice at once.

    Parameters
    ----------
    limit : studies at most

    Returns
    -------
    How many studies were brought up to date.
    """
    stale = SeriesText.objects.filter(is_stale=True).order_by("study_id")
    studies = list(stale.values_list("study_id", flat=True).distinct()[:limit])
    return sum(_refreshed(study_id) for study_id in studies)


def _refreshed(study_id: int) -> bool:
    try:
        return _refresh_study(study_id)
    except DataError:
        # Words that PostgreSQL can't hold must not keep all others waiting for ever.
        logger.exception("the words of a study can't be kept", extra={"study": study_id})
        SeriesText.objects.filter(study_id=study_id).update(is_stale=False)
        return True


def _refresh_study(study_id: int) -> bool:
    with transaction.atomic():
        rows = list(
            SeriesText.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(study_id=study_id, is_stale=True)
            .select_related("series")
            .order_by("pk")
        )
        if not rows:
            return False
        study = Study.objects.select_related("patient").get(pk=study_id)
        said = _said_of(study_id)
        report = report_text(study)
        for row in rows:
            texts = (
                " ".join(said[None] + said[row.series_id]),
                _described(row.series),
                study.study_description,
                report,
            )
            _write(row.pk, [_cleaned(text) for text in texts])
    return True


def _write(key: int, texts: list[str]) -> None:
    """Write the words of weights A to D; each is kept stemmed and as it is written."""
    params = [text for text in texts for _ in range(2)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE inference_seriestext SET document = {_DOCUMENT},"  # noqa: S608 constants
            " is_stale = false, updated_at = %s WHERE id = %s",
            [*params, timezone.now(), key],
        )


def _said_of(study_id: int) -> defaultdict[int | None, list[str]]:
    """Return labels and findings by key of the series; under None what holds for all of them."""
    said: defaultdict[int | None, list[str]] = defaultdict(list)
    labels = Label.objects.on_shown().filter(study_id=study_id).order_by("pk")
    for series_id, of_instance, label in labels.values_list(
        "series_id", "instance__series_id", "label"
    ):
        # What several readers say is said once.
        if label not in said[series_id or of_instance]:
            said[series_id or of_instance].append(label)
    findings = Finding.objects.standing().filter(
        Q(probability__isnull=True) | Q(probability__gte=LEAST_PROBABILITY),
        series__study_id=study_id,
    )
    for series_id, name, label in findings.values_list("series_id", "name", "label"):
        said[series_id] += [name, label]
    return said


def _described(series: Series) -> str:
    texts = (series.series_description, series.body_part_examined, series.protocol_name)
    return " ".join((*texts, series.modality))


def _cleaned(text: str) -> str:
    # Names of classes are written cxr_covid19, chest/lung: each part is a word.
    bare = text.replace("\x00", " ").replace("_", " ").replace("/", " ")
    return fold_text(bare)[:_MAX_CHARACTERS]
