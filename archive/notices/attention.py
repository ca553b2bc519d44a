"""What radiology admins are told of without asking: refused files and doubtful identities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.models import Patient, Project, Quarantine
from archive.notices.audiences import all_radiology_admins, radiology_admins_of
from archive.notices.services import tell
from archive.notices.topics import IDENTITY, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise

_AT_ONCE = 1000


def tell_of_attention() -> int:
    """Tell radiology admins of what is new since the last time; unread news is not repeated.

    Where the last time is not known, all is taken as told: the pages show it anyway.

    Returns
    -------
    how many people were told
    """
    refused = _new_projects("refused", Quarantine.objects.all(), "project_id")
    doubtful = _new_projects(
        "doubtful", Patient.objects.filter(conflict_of__isnull=False), "studies__projects"
    )
    refusals, conflicts = reverse("portal:quarantine-list"), reverse("portal:identity-list")
    told = _tell(refused, REFUSED, _("Files were refused"), refusals)
    return told + _tell(doubtful, IDENTITY, _("The identity of a patient is in doubt"), conflicts)


def _new_projects(name: str, rows: QuerySet[Any], path: str) -> set[int | None]:
    """Return the projects of rows that are new since the last time."""
    key = f"notices:attention:{name}"
    newest = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
    last = cache.get(key)
    if last != newest:
        cache.set(key, newest, timeout=None)
    if last is None or last >= newest:
        return set()
    new = rows.filter(pk__gt=last, pk__lte=newest).order_by("pk")
    return set(new.values_list(path, flat=True)[:_AT_ONCE])


def _tell(projects: Iterable[int | None], topic: str, title: str | _StrPromise, path: str) -> int:
    keys = set(projects)
    if not keys:
        return 0
    named = [key for key in keys if key is not None]
    unclaimed = Project.objects.filter(pk__in=named, kind=Project.Kind.UNASSIGNED)
    if None in keys or unclaimed.exists():
        people = all_radiology_admins()
    else:
        people = radiology_admins_of(named)
    return tell(people, topic, title, path, key=topic, is_repeated=True)
