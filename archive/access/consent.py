"""Patients who said no to research: none of their images leaves for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django.utils.translation import gettext_noop

from archive.errors import NotAllowedError
from archive.models import Patient, Study

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

# All rows that are one patient, or may be, from any of them: merged, and merged again, or kept
# apart; and whether that row refused.
_SAME = """
    WITH RECURSIVE same (first, patient) AS (
        SELECT key, key FROM unnest(%s::bigint[]) AS key
        UNION
        SELECT same.first, near.id FROM same CROSS JOIN LATERAL (
            SELECT id FROM archive_patient WHERE merged_into_id = same.patient
            UNION ALL SELECT id FROM archive_patient WHERE conflict_of_id = same.patient
            UNION ALL SELECT merged_into_id FROM archive_patient
                WHERE id = same.patient AND merged_into_id IS NOT NULL
            UNION ALL SELECT conflict_of_id FROM archive_patient
                WHERE id = same.patient AND conflict_of_id IS NOT NULL
        ) AS near
    )
    SELECT same.first, same.patient, archive_patient.is_research_refused
    FROM same JOIN archive_patient ON archive_patient.id = same.patient
"""


class ResearchRefusedError(NotAllowedError):
    """The patient refused that their images are used for research."""

    code = "research-refused"


REFUSED_TEXT = gettext_noop("The patient refused that their images are used for research.")


def same_patients(patient: Patient) -> QuerySet[Patient]:
    """Return the rows that are, or may be, this patient: merged with it, or kept apart of it.

    A refusal of one is a refusal of all: in doubt nothing leaves.
    """
    keys = {same for _, same, _ in _same([patient.pk])}
    return Patient.objects.filter(pk__in=keys).order_by("pk")


def has_refused(patient: Patient) -> bool:
    """Whether the patient refused research, under whatever row it was said."""
    return any(is_refused for _, _, is_refused in _same([patient.pk]))


def refused_studies(study_keys: Iterable[int]) -> set[int]:
    """Return which studies are of patients who refused, by their keys."""
    studies = dict(Study.objects.filter(pk__in=study_keys).order_by().values_list("pk", "patient"))
    refused = {first for first, _, is_refused in _same(set(studies.values())) if is_refused}
    return {study for study, patient in studies.items() if patient in refused}


def _same(patients: Iterable[int]) -> list[tuple[int, int, bool]]:
    """Return each patient with each row that is, or may be, the same, and what that one said."""
    keys = sorted(patients)
    if not keys:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SAME, [keys])
        found: list[tuple[int, int, bool]] = cursor.fetchall()
    return found


def require_consent(study: Study) -> None:
    """Refuse where the patient of the study refused research.

    Raises
    ------
    ResearchRefusedError
        They did.
    """
    if refused_studies([study.pk]):
        raise ResearchRefusedError(REFUSED_TEXT)
