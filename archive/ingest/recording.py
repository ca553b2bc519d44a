"""Rows of a batch of sound instances, in one transaction and one order of locks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, fields
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import transaction

from archive.access.projects import unassigned_project
from archive.access.selectors import may_add_to
from archive.errors import (
    ArchiveError,
    DeletedObjectError,
    HierarchyConflictError,
    NotAllowedError,
    PatientMismatchError,
    SopInstanceConflictError,
    StorageError,
)
from archive.ingest.arrivals import held_state, note_arrivals
from archive.ingest.following import current_places, entries_for, follows, moving_entries
from archive.ingest.joining import Newcomer, target_project
from archive.ingest.patients import find_or_create_patient, names_same_patient
from archive.models import Blob, Instance, Series, Study, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.dicom.attributes import StudyAttributes
    from archive.ingest.examining import Candidate
    from archive.ingest.types import Origin

Refusals = dict[int, ArchiveError]


class BatchRecorder:
    """Write the rows of a batch; ask it afterwards what became of each candidate.

    Must run inside a transaction. Locks are taken in the fixed order patient, study, series, and
    studies in the order of their UIDs, so that two batches never wait for each other in a ring.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.refusals: Refusals = {}
        self.duplicates: set[int] = set()
        # Of what comes twice in the batch: on which one the other's fate rests.
        self._rests_on: dict[int, int] = {}
        self.stored: list[Instance] = []
        self.series_ids: set[int] = set()
        self.study_ids: set[int] = set()

    def record(self, candidates: Iterable[Candidate]) -> None:
        """Write the rows of sound candidates; refused ones go to ``refusals`` by position.

        Parameters
        ----------
        candidates
            in any order; each one's bytes are durable in the blob store
        """
        asked = self.origin.study_instance_uid
        fitting = [c for c in candidates if asked in {"", c.study_instance_uid} or self._stray(c)]
        places = current_places(fitting)

        def place(candidate: Candidate) -> tuple[str, str]:
            study = places.get(candidate.position, candidate.study_instance_uid)
            return study, candidate.series_instance_uid

        for uid, group in groupby(sorted(fitting, key=place), key=lambda c: place(c)[0]):
            self._record_study(uid, list(group))

    def _stray(self, candidate: Candidate) -> bool:
        message = "The instance belongs to another study than the one it was sent to."
        self._refuse(candidate, HierarchyConflictError(message, code="study-mismatch"))
        return False

    def _record_study(self, uid: str, candidates: list[Candidate]) -> None:
        study = _locked_study(uid)
        if study is not None and not may_add_to(self.origin.actor, study):
            for candidate in candidates:
                self._refuse(candidate, NotAllowedError("This study is not yours to add to."))
            return
        if study is not None and study.withheld == Study.Withheld.DELETED:
            self._refuse_deleted(candidates, "Its study was deleted here.")
            return
        # A study that gets no instance after all must leave no row behind.
        savepoint = transaction.savepoint() if study is None else None
        study = study or self._create_study(candidates)
        # Under the study's lock nobody else adds to it: what is known now stays all there is.
        unknown = self._without_buried(self._without_known_instances(candidates))
        accepted = [c for c in unknown if self._fits_patient(study, c)]
        new_by_series = self._record_series(study, accepted)
        if not new_by_series and savepoint is not None:
            transaction.savepoint_rollback(savepoint)
        _refresh_study(study, new_by_series, accepted)
        if new_by_series:
            self.study_ids.add(study.pk)
            self.series_ids.update(series.pk for series, _ in new_by_series)
        self._refuse_with_their_firsts()

    def _refuse_with_their_firsts(self) -> None:
        """Refuse what is like another one of the batch where that one was refused."""
        for position, first in self._rests_on.items():
            if first in self.refusals:
                self.duplicates.discard(position)
                self.refusals[position] = self.refusals[first]

    def _without_known_instances(self, candidates: list[Candidate]) -> list[Candidate]:
        """Sort out what is archived already: the same content is a success, other content not."""
        rows = Instance.objects.filter(
            sop_instance_uid__in=[c.sop_instance_uid for c in candidates]
        ).values_list("sop_instance_uid", "dataset_sha256", "withheld")
        known = {uid: digest for uid, digest, _ in rows}
        deleted = {uid for uid, _, withheld in rows if withheld == Instance.Withheld.DELETED}
        remaining: dict[str, Candidate] = {}
        for candidate in candidates:
            uid = candidate.sop_instance_uid
            if uid not in known:
                remaining[uid] = candidate
                known[uid] = candidate.dataset_sha256
            elif uid in deleted:
                self._refuse_deleted([candidate], "It was deleted here.")
            elif known[uid] == candidate.dataset_sha256:
                self.duplicates.add(candidate.position)
                if uid in remaining:
                    self._rests_on[candidate.position] = remaining[uid].position
            else:
                message = "Other content is already archived under this SOP Instance UID."
                self._refuse(candidate, SopInstanceConflictError(message))
        return list(remaining.values())

    def _without_buried(self, candidates: list[Candidate]) -> list[Candidate]:
        """Sort out what was deleted and purged: it does not come back by being sent."""
        uids = [candidate.sop_instance_uid for candidate in candidates]
        buried = set(
            Tombstone.objects.filter(sop_instance_uid__in=uids).values_list(
                "sop_instance_uid", flat=True
            )
        )
        gone = [candidate for candidate in candidates if candidate.sop_instance_uid in buried]
        self._refuse_deleted(gone, "It was deleted here, and purged.")
        return [c for c in candidates if c.sop_instance_uid not in buried]

    def _refuse_deleted(self, candidates: Iterable[Candidate], message: str) -> None:
        for candidate in candidates:
            self._refuse(candidate, DeletedObjectError(message))

    def _refuse(self, candidate: Candidate, error: ArchiveError) -> None:
        self.refusals[candidate.position] = error

    def _create_study(self, candidates: list[Candidate]) -> Study:
        """Insert the study, or lock the row of whoever was quicker."""
        candidate = candidates[0]
        # Whose the study is depends on it: one with an identity is enough.
        is_deidentified = all(one.is_deidentified for one in candidates)
        patient = find_or_create_patient(
            Newcomer(candidate.attributes.patient, self.origin, is_deidentified)
        )
        values = _study_values(candidate.attributes.study)
        Study.objects.bulk_create(
            [
                Study(
                    patient=patient,
                    is_deidentified=is_deidentified,
                    corrected=entries_for(patient, candidate.attributes.patient),
                    **values,
                )
            ],
            ignore_conflicts=True,
        )
        study = _locked_study(candidate.study_instance_uid)
        if study is None:
            message = "The study was deleted while it was stored; try again."
            raise StorageError(message, code="database-busy")
        if not study.projects.exists():
            study.projects.add(target_project(self.origin) or unassigned_project())
        return study

    def _fits_patient(self, study: Study, candidate: Candidate) -> bool:
        said = candidate.attributes.patient
        if names_same_patient(study.patient, said) or follows(study.corrected, said):
            return True
        if candidate.study_instance_uid != study.study_instance_uid:
            # Its series was moved here from another patient's study.
            uid = candidate.series_instance_uid
            moved = Series.objects.filter(series_instance_uid=uid).first()
            entries = moved.corrected if moved else moving_entries(candidate.study_instance_uid)
            if follows(entries, said):
                return True
        message = "The instance names another patient than the rest of its study."
        self._refuse(candidate, PatientMismatchError(message))
        return False

    def _record_series(
        self, study: Study, candidates: list[Candidate]
    ) -> list[tuple[Series, list[Candidate]]]:
        by_series: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            by_series[candidate.series_instance_uid].append(candidate)
        recorded = []
        for uid, group in by_series.items():
            state = held_state(self.origin, study.study_instance_uid)
            series = _find_or_create_series(study, uid, group[0], state)
            if series.study_id != study.pk:
                for candidate in group:
                    message = "Its Series Instance UID is known in another study."
                    self._refuse(candidate, HierarchyConflictError(message))
                continue
            if series.withheld == Series.Withheld.DELETED:
                self._refuse_deleted(group, "Its series was deleted here.")
                continue
            self._insert_instances(series, group)
            recorded.append((series, group))
        return recorded

    def _insert_instances(self, series: Series, candidates: list[Candidate]) -> None:
        # On a conflict the row is of the same bytes, which the caller keeps.
        blobs = Blob.objects.bulk_create(
            [Blob(sha256=c.file.spool.sha256, size_bytes=c.file.spool.size) for c in candidates],
            update_conflicts=True,
            unique_fields=["sha256"],
            update_fields=["state"],
        )
        instances = Instance.objects.bulk_create(
            [_instance(series, c, blob) for c, blob in zip(candidates, blobs, strict=True)]
        )
        note_arrivals(self.origin, instances)
        self.stored += instances


def _locked_study(uid: str) -> Study | None:
    # The patient by a statement of its own: joined, a study whose patient changed while its lock
    # was waited for would not be found at all.
    rows = Study.objects.select_for_update(no_key=True).prefetch_related("patient")
    study: Study | None = rows.filter(study_instance_uid=uid).first()
    return study


def _study_values(attributes: StudyAttributes) -> dict[str, object]:
    return {field.name: getattr(attributes, field.name) for field in fields(attributes)}


def _find_or_create_series(study: Study, uid: str, candidate: Candidate, state: str) -> Series:
    """Return the locked row of the series; the study's own lock keeps the order."""
    series: Series | None = (
        Series.objects.select_for_update(no_key=True).filter(series_instance_uid=uid).first()
    )
    if series is None:
        attributes = candidate.attributes.series
        entries = []
        if candidate.study_instance_uid != study.study_instance_uid:
            entries = moving_entries(candidate.study_instance_uid)
        Series.objects.bulk_create(
            [Series(study=study, corrected=entries, withheld=state, **asdict(attributes))],
            ignore_conflicts=True,
        )
        return _locked_series(uid)
    return series


def _locked_series(uid: str) -> Series:
    series: Series = Series.objects.select_for_update(no_key=True).get(series_instance_uid=uid)
    return series


def _instance(series: Series, candidate: Candidate, blob: Blob) -> Instance:
    return Instance(
        series=series,
        blob=blob,
        dataset_sha256=candidate.dataset_sha256,
        cleaned_keywords=list(candidate.attributes.cleaned),
        coerced=candidate.coerced,
        **asdict(candidate.attributes.instance),
    )


def _refresh_study(
    study: Study, recorded: list[tuple[Series, list[Candidate]]], accepted: list[Candidate]
) -> None:
    """Bring the counts and lists up to date under the study's lock."""
    if not recorded:
        return
    for series, group in recorded:
        is_first = series.number_of_series_related_instances == 0
        if is_first:
            # Notes rejected all that was in it; what comes now is shown, but for trials.
            if series.withheld != Series.Withheld.TRIAL:
                series.withheld = Series.Withheld.NOT
            study.withheld = Study.Withheld.NOT
        series.number_of_series_related_instances += len(group)
        study.stored_bytes += sum(candidate.file.spool.size for candidate in group)
        if series.withheld == Series.Withheld.NOT:
            # As `archive.curation.states` counts: what default answers hold.
            study.number_of_study_related_series += is_first
            study.number_of_study_related_instances += len(group)
            study.modalities_in_study = _merged(study.modalities_in_study, series.modality)
            study.body_parts = _merged(study.body_parts, series.body_part_examined)
        series.save(update_fields=["number_of_series_related_instances", "withheld", "updated_at"])
    study.is_deidentified = study.is_deidentified and all(c.is_deidentified for c in accepted)
    study.save(
        update_fields=[
            "number_of_study_related_series",
            "number_of_study_related_instances",
            "stored_bytes",
            "withheld",
            "modalities_in_study",
            "body_parts",
            "is_deidentified",
            "updated_at",
        ]
    )


def _merged(values: list[str], value: str) -> list[str]:
    return sorted({*values, value}) if value else values
