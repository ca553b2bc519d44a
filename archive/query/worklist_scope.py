"""Few studies among very many: found first by their keys, so that no list walks the whole archive.

What is found here narrows a list and never widens it: rights and filters are asked of each study
all the same. So it may be more than what is seen, and is left out where it would not help.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Exists, OuterRef
from django.db.models.expressions import RawSQL

from archive.models import Study
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.granted import granted_key, granted_studies, shared_link
from archive.models.memberships import memberships_of
from archive.models.querysets import readable_projects
from archive.query.execution import fetch_all

if TYPE_CHECKING:
    from collections.abc import Hashable

    from django.db.models import QuerySet

    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser, StudyQuerySet

# More studies than these are not few, and an archive with fewer than those is walked quickly.
MAX_FEW = 5000
LARGE_ARCHIVE = 50_000
_REMEMBERED_S, _MAX_REMEMBERED = 600.0, 1000
_SIZE = "SELECT reltuples FROM pg_class WHERE oid = 'archive_study'::regclass"
# Until when it is remembered what are many (of rights, of a project) and how large the archive is.
_many: dict[Hashable, float] = {}
_LARGE, _SMALL = "large", "small"


def within(studies: StudyQuerySet, keys: list[int]) -> StudyQuerySet:
    """Keep the studies of these keys, as one value, whatever their number.

    Parameters
    ----------
    studies
        any
    keys
        of studies; thousands of parameters would take longer than the answer
    """
    named = RawSQL("archive_study.id = ANY(%s::bigint[])", (keys,))
    named.output_field = BooleanField()
    return studies.filter(named)


def few_visible(user: AnyUser) -> list[int] | None:
    """Return what somebody may see at most, where that is little in a large archive.

    Parameters
    ----------
    user
        the asker

    Returns
    -------
    keys of studies; None where it may be many, or the archive is not large
    """
    held = memberships_of(user)
    if not held or not _is_large() or is_many(held):
        return None
    keys = _few_visible(user, held)
    if keys is None:
        remember_many(held)
    return keys


def within_project(studies: StudyQuerySet, slug: str) -> StudyQuerySet:
    """Keep the studies of a project.

    Parameters
    ----------
    studies
        those the asker may see
    slug
        of the project; none has it: nothing is kept
    """
    found = fetch_all("SELECT id FROM archive_project WHERE slug = %s", (slug,))
    if not found:
        return studies.none()
    project = found[0][0]
    # Its key and not its name: by that the database knows how many studies are in it.
    inside = Study.projects.through.objects.filter(project_id=project)
    if _is_large() and not is_many(("project", project)):
        keys = _few(inside)
        if keys is not None:
            return within(studies, keys)
        remember_many(("project", project))
    return studies.filter(Exists(inside.filter(study_id=OuterRef("pk"))))


def _few_visible(user: AnyUser, held: tuple[Held, ...]) -> list[int] | None:
    if shared_link(held) is not None:
        return None
    roles = READING_ROLES | DEIDENTIFIED_ROLES
    projects = list(readable_projects(user, roles).values_list("pk", flat=True))
    keys = _few(Study.projects.through.objects.filter(project_id__in=projects))
    account = granted_key(held)
    if keys is None or account is None:
        return keys
    # All that is granted: who may see it is asked of each study.
    keys = list({*keys, *(key for (key,) in granted_studies(account)[: MAX_FEW + 1])})
    return keys if len(keys) <= MAX_FEW else None


def _few(inside: QuerySet[Any, Any]) -> list[int] | None:
    """Return the keys of the studies, None where they are many."""
    keys = inside.order_by().values_list("study_id", flat=True)
    if keys[MAX_FEW : MAX_FEW + 1]:
        return None
    return list(keys[:MAX_FEW])


def _is_large() -> bool:
    """Whether the archive is; asked now and then, and of the database's own estimate."""
    if not (is_many(_LARGE) or is_many(_SMALL)):
        size = fetch_all(_SIZE, (), is_exact=True)[0][0]
        remember_many(_LARGE if size >= LARGE_ARCHIVE else _SMALL)
    return is_many(_LARGE)


def is_many(what: Hashable) -> bool:
    """Whether this was found to be many in the last minutes."""
    return _many.get(what, 0.0) > time.monotonic()


def remember_many(what: Hashable) -> None:
    """Keep in mind for some minutes that very many studies are of this kind."""
    if len(_many) >= _MAX_REMEMBERED:
        _many.clear()
    _many[what] = time.monotonic() + _REMEMBERED_S
