"""410 for what was deleted, to who could see it; for everybody else it was never there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.curation.selectors import is_gone
from archive.curation.types import ObjectPath
from archive.errors import ArchiveError, GoneError, NotVisibleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.models.querysets import AnyUser


def as_gone(error: ArchiveError, user: AnyUser, path: Mapping[str, Any]) -> ArchiveError:
    """Return what to answer for the error.

    Parameters
    ----------
    error
        raised while something at the path was asked for
    user
        the asker
    path
        the URL's parts: ``study``, ``series``, ``instance``, as far as it has them
    """
    study = path.get("study")
    if not isinstance(error, NotVisibleError) or study is None:
        return error
    wanted = ObjectPath(study, path.get("series"), path.get("instance"))
    return GoneError("It was deleted.") if is_gone(user, wanted) else error
