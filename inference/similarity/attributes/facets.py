"""Values by which a search can be narrowed, as they occur within the asker's rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache

from archive.models import Series
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.memberships import rights_key
from archive.models.querysets import readable_projects
from inference.models import Finding, Label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.models.querysets import AnyUser

# A person picks from a list or types: longer lists are not read.
MAX_VALUES = 300
_CACHE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """What can be chosen: labels as ``set:label``, findings as ``name:label``, and so on.

    ``projects`` holds pairs of slug and name.
    """

    labels: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    manufacturers: tuple[str, ...] = ()
    projects: tuple[tuple[str, str], ...] = ()


def search_facets(user: AnyUser) -> Facets:
    """Return what occurs in the user's cases; seconds old at most.

    Parameters
    ----------
    user : the asker; what only others' cases carry is not in the lists

    Returns
    -------
    Sorted values, at most `MAX_VALUES` of each kind.
    """
    key = f"similarity-facets-{rights_key(user)}"
    found: Facets | None = cache.get(key)
    if found is None:
        found = _facets(user)
        if found.labels or found.findings or found.manufacturers:
            cache.set(key, found, _CACHE_SECONDS)
    return found


def _facets(user: AnyUser) -> Facets:
    # As the filters have it: what no default answer holds is found by nothing.
    series = Series.objects.visible_to(user).filter(withheld=Series.Withheld.NOT).order_by()
    labels = Label.objects.on_shown().filter(study__series__in=series).order_by()
    findings = Finding.objects.standing().filter(series__in=series).exclude(label="").order_by()
    makers = series.exclude(manufacturer="").values_list("manufacturer", flat=True)
    projects = readable_projects(user, READING_ROLES | DEIDENTIFIED_ROLES)
    return Facets(
        labels=_pairs(labels.values_list("label_set", "label").distinct()[:MAX_VALUES]),
        findings=_pairs(findings.values_list("name", "label").distinct()[:MAX_VALUES]),
        manufacturers=tuple(sorted(makers.distinct()[:MAX_VALUES])),
        projects=tuple(projects.order_by("kind", "name").values_list("slug", "name")),
    )


def _pairs(rows: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(sorted(f"{name}:{label}" for name, label in rows))
