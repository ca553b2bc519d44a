"""A correction as a row, and in what its studies and series remember of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from archive.audit import corrections as audit
from archive.corrections.finding import account, checked_reason
from archive.events.services import publish
from archive.events.types import StudiesCorrected
from archive.ingest.following import correction_entry
from archive.models import Correction, Instance, Series, Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from archive.audit.types import Asker
    from archive.models import Patient

_BATCH = 500


def record_correction(
    asker: Asker,
    kind: str,
    reason: str,
    *,
    about: Patient | Study | None,
    subject: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> Correction:
    """Write the correction and its audit record, inside the caller's transaction.

    Parameters
    ----------
    asker
        who corrects
    kind, reason
        what is done and why
    about
        the patient or study that it is listed under
    subject
        keys of all ``patients``, ``studies`` and ``series`` that it touches
    before, after
        what undoing goes back to, and what holds now; ``attributes`` as DICOM JSON
    """
    study = about if isinstance(about, Study) else None
    correction = Correction.objects.create(
        kind=kind,
        reason=checked_reason(reason),
        origin="" if account(asker) else f"{asker.door} {asker.name}".strip()[:64],
        patient=None if about is None or study is not None else about,  # type: ignore[misc]
        study_instance_uid=study.study_instance_uid if study else "",
        subject=dict(subject),
        before=dict(before),
        after=dict(after),
        made_by=account(asker),
    )
    audit.record_correction(asker, correction)
    return correction


def remember_in_studies(
    correction: Correction,
    studies: Sequence[Study],
    was: Callable[[Study], Mapping[str, Any]],
) -> None:
    """Let studies be served with a correction from now on; the caller holds their locks."""
    for study in studies:
        study.corrected = [*study.corrected, correction_entry(correction, was(study))]
        study.updated_at = timezone.now()
    Study.objects.bulk_update(studies, ["corrected", "updated_at"], batch_size=_BATCH)


def remember_in_series(
    correction: Correction, rows: Sequence[Series], was: Mapping[str, Any]
) -> None:
    """Let series be served with a correction from now on."""
    for series in rows:
        series.corrected = [*series.corrected, correction_entry(correction, was)]
        series.updated_at = timezone.now()
    Series.objects.bulk_update(rows, ["corrected", "updated_at"], batch_size=_BATCH)


def forget_in_studies(
    correction: Correction,
    studies: Sequence[Study],
    restored: Mapping[str, Any],
    was: Mapping[str, Any] | None = None,
) -> None:
    """Serve studies without a correction; what came since may say what it said.

    Parameters
    ----------
    correction
        which is undone
    studies
        their rows, locked
    restored
        the attributes as they were before it
    was
        what instances that came since may say
    """
    keys = [study.pk for study in studies]
    late = set(
        Instance.objects.filter(
            series__study__in=keys, created_at__gte=correction.made_at
        ).values_list("series__study", flat=True)
    )
    for study in studies:
        study.corrected = _without(
            study.corrected, correction, restored if study.pk in late else {}, was
        )
        study.updated_at = timezone.now()
    Study.objects.bulk_update(studies, ["corrected", "updated_at"], batch_size=_BATCH)


def forget_in_series(
    correction: Correction, rows: Sequence[Series], restored: Mapping[str, Any]
) -> None:
    """Serve series without a correction; as for studies."""
    keys = [series.pk for series in rows]
    late = set(
        Instance.objects.filter(series__in=keys, created_at__gte=correction.made_at).values_list(
            "series", flat=True
        )
    )
    for series in rows:
        series.corrected = _without(
            series.corrected, correction, restored if series.pk in late else {}, None
        )
        series.updated_at = timezone.now()
    Series.objects.bulk_update(rows, ["corrected", "updated_at"], batch_size=_BATCH)


def holds(rows: Iterable[Mapping[str, Any]], correction: Correction) -> bool:
    """Whether a study's or series' entries speak of a correction."""
    return any(entry["correction"] == correction.pk for entry in rows)


def end_anonymity(correction: Correction, studies: Iterable[Study], patient: Patient) -> None:
    """Say that studies without identity have one, where they go to a patient who has.

    Researchers, who see what is without identity alone, see them no more. Of a patient all of
    whose studies are without, they stay so. Called before they are the patient's.
    """
    keys = [study.pk for study in studies if study.is_deidentified]
    if not keys or set(patient.studies.values_list("is_deidentified", flat=True)) == {True}:
        return
    Study.objects.filter(pk__in=keys).update(is_deidentified=False)
    correction.before = {**correction.before, "deidentified": keys}
    correction.save(update_fields=["before"])


def announce(studies: Iterable[int], series: Iterable[int] = ()) -> None:
    """Tell other rooms what was corrected."""
    publish(StudiesCorrected(study_ids=sorted(set(studies)), series_ids=sorted(set(series))))


def _without(
    entries: Sequence[dict[str, Any]],
    correction: Correction,
    restored: Mapping[str, Any],
    was: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Take an entry out; where something came since, turn it into what held before."""
    kept: list[dict[str, Any]] = []
    for entry in entries:
        if entry["correction"] != correction.pk:
            kept.append(entry)
        elif restored:
            # It changes nothing of what says the same already.
            undone = {"attributes": dict(restored), "was": dict(was or entry["was"])}
            kept.append({**entry, **undone, "is_undone": True})
    return kept
