"""An upload while it is received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from archive.access import selectors as access
from archive.access.projects import storing_projects
from archive.api.parsers import iter_parts
from archive.errors import NotVisibleError
from archive.ingest.deliveries import Delivery
from archive.ingest.types import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.request import Request

    from archive.api.parsers import Part
    from archive.ingest.types import IngestResult
    from archive.models import Project

MAX_PARTS = 100_000


class Upload:
    """Takes the files of one request as they arrive; ``results`` also after an error."""

    def __init__(self, request: Request) -> None:
        self.results: list[IngestResult] = []
        self._user: Any = request.user
        self._bare = request._request  # noqa: SLF001 the unread stream: DRF would parse it

    def receive(self) -> list[IngestResult]:
        """Store every file of the body; what was stored before an error stays."""
        parts = iter_parts(
            self._bare, max_bytes=settings.TWINSIGHT_MAX_UPLOAD_BYTES, max_parts=MAX_PARTS
        )
        first = next(parts, None)
        if first is None:
            return []
        project = None
        if first.name == "project" and first.filename is None:
            project = self._named_project(first.text())
            first = None
        with Delivery(self._origin(project)) as delivery:
            self.results = delivery.results
            for part in _files(first, parts):
                delivery.take(part.filename or "", part.chunks)
            return delivery.finish()

    def _named_project(self, slug: str) -> Project:
        for project in storing_projects(self._user):
            if project.slug == slug:
                return project
        raise NotVisibleError("There is no such project into which you may store.")

    def _origin(self, project: Project | None) -> Origin:
        """Say who stores, into the named project, else the token's, else the user's only one."""
        token = getattr(self._bare, "token", None)
        if project is None:
            project = (token.project if token else None) or access.home_project(self._user)
        access.require_may_store(self._user, project)
        return Origin(
            door="api",
            actor=self._user,
            source=self._user.get_username(),
            project=project,
            address=self._bare.META.get("REMOTE_ADDR"),
            token_hint=token.hint if token else "",
        )


def _files(first: Part | None, parts: Iterator[Part]) -> Iterator[Part]:
    """Leave out the fields of a form that are no files."""
    if first is not None and _is_file(first):
        yield first
    yield from (part for part in parts if _is_file(part))


def _is_file(part: Part) -> bool:
    return part.filename is not None or part.name == "files"
