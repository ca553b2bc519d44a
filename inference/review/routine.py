"""Results that only say what images are of, and so ask nobody for a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, Q

from inference.models import Finding

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What such models state, and where the images say the same of themselves.
_HEADERS = {"modality": "series__modality", "body_part": "series__body_part_examined"}
# Names of the same thing, or of what looks the same.
ALIKE = ({"CR", "DX"}, {"BRAIN", "HEAD"}, {"BRAIN", "SKULL"}, {"HEAD", "SKULL"})
# A guess that is less sure than this contradicts nothing.
SURE_FROM = 0.7


def telling(runs: QuerySet[Any]) -> QuerySet[Any]:
    """Leave out results that only name modality or body part, as the images do themselves.

    A sure statement that contradicts what the images say is told: one of both is wrong.
    """
    findings = Finding.objects.filter(run=OuterRef("pk"))
    return runs.filter(~Exists(findings) | Exists(findings.filter(_tells())))


def _tells() -> Q:
    found = ~Q(name__in=list(_HEADERS)) | ~Q(kind=Finding.Kind.CLASSIFICATION) | Q(is_critical=True)
    for name, path in _HEADERS.items():
        same = Q(label__iexact=F(path)) | Q(**{path: ""})
        for one, other in (sorted(names) for names in ALIKE):
            same |= Q(label__iexact=one, **{f"{path}__iexact": other})
            same |= Q(label__iexact=other, **{f"{path}__iexact": one})
        found |= Q(name=name, probability__gte=SURE_FROM) & ~same
    return found
