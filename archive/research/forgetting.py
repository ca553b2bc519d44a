"""Pseudonyms of patients who were erased: nothing tells any more for whom they stood."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from archive.models import Patient, Pseudonym
from archive.research.sealing import unseal

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_ONCE = 500


def forget_erased() -> int:
    """Delete pseudonyms whose patient is not in the archive any more; return how many.

    Copies without identity stay: nobody can tell any more whose they are.

    Raises
    ------
    SealError
        A row was sealed under a key that is gone.
    """
    gone = 0
    rows = Pseudonym.objects.order_by("pk").values_list("pk", "sealed").iterator(_AT_ONCE)
    while some := list(islice(rows, _AT_ONCE)):
        gone += _forget(some)
    return gone


def _forget(rows: Iterable[tuple[int, str]]) -> int:
    patients = {pk: int(json.loads(unseal(sealed))["patient"]) for pk, sealed in rows}
    known = Patient.objects.filter(pk__in=set(patients.values())).exclude(
        studies__isnull=True, is_research_refused=True
    )
    here = set(known.values_list("pk", flat=True))
    lost = [pk for pk, patient in patients.items() if patient not in here]
    deleted, _ = Pseudonym.objects.filter(pk__in=lost).delete()
    return deleted
