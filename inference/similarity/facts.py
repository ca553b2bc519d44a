"""Rights and filters on the copies that vectors carry: quick to ask, and never the last word.

The database keeps the copies right by triggers (`inference.migrations.0007`). Even so, what a
search finds by them is checked against the rows themselves before anybody sees it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Max, Q

from archive.models import Membership, Project, Role, Study
from archive.models.access import DEIDENTIFIED_ROLES, READING_ROLES
from archive.models.granted import granted_key
from archive.models.memberships import Held
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archive.models.querysets import AnyUser
    from inference.similarity.types import Filters

logger = logging.getLogger(__name__)

PROJECT = "project="
DEIDENTIFIED = "deidentified-"
# No fact of a row: the studies that an account sees beside its roles, looked up when asked.
GRANTED = "granted="
# Filters with a copy, and the fact's name.
_COPIED = ("modality", "body_part", "laterality", "sex")


def readable_by(held: Sequence[Held]) -> frozenset[str] | None:
    """Return what a row must carry one of to lie inside the rights.

    The same rules as `archive.models.querysets.visible_studies_filter`.

    Parameters
    ----------
    held : from `archive.models.memberships.memberships_of`

    Returns
    -------
    Facts; empty where nothing may be seen, None where everything may.
    """
    reading = _facts_of(held, READING_ROLES)
    if {Project.Kind.STANDARD, Project.Kind.UNASSIGNED} <= reading:
        return None
    account = granted_key(held)
    granted = frozenset() if account is None else frozenset({f"{GRANTED}{account}"})
    return _without_the_implied(reading, _facts_of(held, DEIDENTIFIED_ROLES)) | granted


def facts_held() -> frozenset[str]:
    """Return what somebody's rights open as a whole.

    Returns
    -------
    Facts of every account's rights.
    """
    by_user: dict[int, list[Held]] = {}
    rows = Membership.objects.order_by().filter(user__is_active=True)
    columns = ("user_id", "role", "project_id", "project__kind")
    for user_id, *held in rows.values_list(*columns):
        by_user.setdefault(user_id, []).append(Held(*held))
    return frozenset().union(*(readable_by(held) or () for held in by_user.values()))


def _facts_of(held: Iterable[Held], roles: frozenset[str]) -> frozenset[str]:
    mine = [one for one in held if one.role in roles]
    found: set[str] = set()
    if any(one.project_id is None for one in mine):
        found.add(str(Project.Kind.STANDARD))
    else:
        standard = [one for one in mine if one.project_kind == Project.Kind.STANDARD]
        found.update(f"{PROJECT}{one.project_id}" for one in standard)
    if any(one.role == Role.RADIOLOGY_ADMIN for one in mine):
        found.add(str(Project.Kind.UNASSIGNED))
    return frozenset(found)


def _without_the_implied(reading: frozenset[str], deidentified: frozenset[str]) -> frozenset[str]:
    """Leave out what is seen anyhow: fewer sets to search."""
    if Project.Kind.STANDARD in reading:
        return reading
    return reading | {f"{DEIDENTIFIED}{fact}" for fact in deidentified - reading}


def filter_facts(filters: Filters, user: AnyUser) -> list[list[str]]:
    """Write the filters that have copies as facts.

    Parameters
    ----------
    filters : as asked
    user : only projects they may read count

    Returns
    -------
    Lists of facts: a row fulfils the filters where it carries one of each list.
    """
    wanted = []
    for name in _COPIED:
        values = {value.strip().upper() for value in getattr(filters, name)}
        if values:
            wanted.append([f"{name}={value}" for value in sorted(values)])
    if filters.project:
        readable = readable_projects(user, READING_ROLES | DEIDENTIFIED_ROLES)
        keys = readable.filter(slug__in=filters.project).values_list("pk", flat=True)
        wanted.append([f"{PROJECT}{key}" for key in sorted(keys)])
    return wanted


def facts_condition(wanted: Iterable[list[str]]) -> Q:
    """Return the condition that a row carries one fact of each list.

    Parameters
    ----------
    wanted : lists of facts

    Returns
    -------
    A condition on rows of vectors, which a GIN index over facts answers. It is never written
    with the operator of the realms' partial indexes: a filter must not choose an index, rights do.
    """
    condition = Q()
    for facts in wanted:
        condition &= Q(facts__overlap=facts) if facts else Q(pk__in=[])
    return condition


def reconcile_copies(*, number: int = 5000, turn: int | None = None) -> int:
    """Compare copies with the truth, where two changes at once may have missed each other.

    A vector written and a right changed at the same moment don't see each other. The newest
    studies are looked at in every turn, the others in their turn.

    Parameters
    ----------
    number : studies looked at, newest and others each
    turn : counts up; by the clock, ten minutes each, where None

    Returns
    -------
    How many rows of vectors were mended.
    """
    last = Study.objects.order_by().aggregate(last=Max("pk"))["last"] or 0
    slices = last // number + 1
    first = (int(time.time() // 600) if turn is None else turn) % slices * number
    looked_at = Q(pk__gt=last - number) | Q(pk__gt=first, pk__lte=first + number)
    keys = list(Study.objects.order_by().filter(looked_at).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT twinsight_refresh_copies(%s)", [keys])
        mended = int(cursor.fetchone()[0])
    if mended:
        logger.warning("copies of rights or filters mended", extra={"rows": mended})
    return mended
