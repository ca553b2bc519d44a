"""The quarantine, asked: entries of the projects in which the user is a radiology admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q
from django.utils.translation import gettext

from archive.access import selectors as access
from archive.access.projects import storing_projects
from archive.audit import inbox as audit
from archive.dicom.reading import read_dataset
from archive.errors import (
    BlobMissingError,
    InvalidInstanceError,
    NotAllowedError,
    NotVisibleError,
)
from archive.inbox.quarantine.types import MENDABLE, Details
from archive.ingest.scanning import INFECTED
from archive.ingest.selectors import quarantine_visible_to
from archive.models import Quarantine
from archive.models.access import Role
from archive.models.querysets import readable_projects
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.models import Project
    from archive.models.querysets import AnyUser

_CHUNK_BYTES = 1024 * 1024
ABSENT = "There is no such entry, or it is outside your projects."


def find_entries(
    user: AnyUser, *, reason: str = "", text: str = "", is_resolved: bool = False
) -> QuerySet[Quarantine]:
    """Return entries, the latest first.

    Parameters
    ----------
    user
        a radiology admin; anyone else sees none
    reason
        a reason's code
    text
        a part of the file's name, or of a UID's beginning
    is_resolved
        what was decided about, in place of what waits
    """
    access.require_radiology_admin(user)
    rows = _resolved(user) if is_resolved else quarantine_visible_to(user)
    if reason:
        rows = rows.filter(reason_code=reason[:40])
    if text:
        words = text[:255]
        rows = rows.filter(
            Q(original_name__icontains=words)
            | Q(study_instance_uid__startswith=words)
            | Q(sop_instance_uid__startswith=words)
        )
    return rows


def _resolved(user: AnyUser) -> QuerySet[Quarantine]:
    projects = readable_projects(user, frozenset({Role.RADIOLOGY_ADMIN}))
    return (
        Quarantine.objects.filter(resolved_at__isnull=False, project__in=projects)
        .select_related("project", "actor")
        .order_by("-resolved_at", "-pk")
    )


def reasons(user: AnyUser) -> list[tuple[str, int]]:
    """Return the reasons of what waits, each with how many entries it has."""
    rows = quarantine_visible_to(user).order_by().values("reason_code")
    return list(
        rows.annotate(entries=Count("pk"))
        .order_by("-entries", "reason_code")
        .values_list("reason_code", "entries")
    )


def find_entry(user: AnyUser, entry_id: int) -> Quarantine:
    """Return an entry, also one that was decided about.

    Raises
    ------
    NotVisibleError
        There is none in a project of which the user is a radiology admin.
    """
    projects = readable_projects(user, frozenset({Role.RADIOLOGY_ADMIN}))
    rows = Quarantine.objects.select_related("project", "actor", "blob")
    entry: Quarantine | None = None
    if user.is_authenticated and user.is_active:
        entry = rows.filter(pk=entry_id, project__in=projects).first()
    if entry is None:
        raise NotVisibleError(ABSENT)
    return entry


def details_of(*, asker: Asker, entry_id: int) -> Details:
    """Return an entry with what its file says; that somebody looked is put down first."""
    user: AnyUser = asker.user  # type: ignore[assignment]  # doors have one
    entry = find_entry(user, entry_id)
    audit.record_quarantine_read(
        asker,
        entry=entry.pk,
        study_instance_uid=entry.study_instance_uid,
        what="quarantine",
    )
    if entry.blob is None:
        return Details(entry, unreadable="Its bytes were not kept.")
    try:
        with blob_store().open(entry.blob.sha256) as stream:
            ds = read_dataset(stream, stop_before_pixels=True)
        values = {keyword: str(ds.get(keyword) or "")[:324] for keyword in MENDABLE}
    except InvalidInstanceError as error:
        return Details(entry, unreadable=error.message, has_bytes=True)
    except BlobMissingError as error:
        return Details(entry, unreadable=error.message)
    except (ValueError, TypeError, AttributeError, LookupError):
        # A value that even pydicom can't turn into text.
        return Details(entry, unreadable="Its values can't be read.", has_bytes=True)
    return Details(entry, values=values, has_bytes=True)


def projects_for(user: AnyUser) -> list[Project]:
    """Return the projects into which the user may put what is mended."""
    return storing_projects(user)  # type: ignore[arg-type]  # signed in


def bytes_of(*, asker: Asker, entry_id: int) -> tuple[str, int, Iterator[bytes]]:
    """Return an entry's file as it came: a name for it, its size, its bytes.

    Raises
    ------
    NotVisibleError
        There is none, or its bytes were not kept.
    NotAllowedError
        The virus scanner found something in them.
    """
    user: AnyUser = asker.user  # type: ignore[assignment]  # doors have one
    entry = find_entry(user, entry_id)
    if entry.blob is None or not blob_store().exists(entry.blob.sha256):
        raise NotVisibleError("The bytes of this entry are not here.")
    if entry.reason_code == INFECTED:
        message = gettext("The virus scanner found something in this file: it is not given out.")
        raise NotAllowedError(message)
    audit.record_quarantine_read(
        asker,
        entry=entry.pk,
        study_instance_uid=entry.study_instance_uid,
        what="download-quarantine",
    )
    return f"quarantine-{entry.pk}.bin", entry.blob.size_bytes, _chunks(entry.blob.sha256)


def _chunks(sha256: str) -> Iterator[bytes]:
    with blob_store().open(sha256) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
