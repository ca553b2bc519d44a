"""Which folders of this machine may be watched: those below the roots that its operator named."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext

from archive.errors import InvalidRequestError


def watch_roots() -> list[Path]:
    """Return the folders below which folders may be watched; none: the feature is off."""
    return [Path(root) for root in settings.TWINSIGHT_WATCH_ROOTS if Path(root).is_absolute()]


def check_folder(path: str) -> str:
    """Return the folder's path, made plain.

    Raises
    ------
    InvalidRequestError
        It lies below none of the roots, is no folder, or a link stands on the way to it.
    """
    if not path.startswith("/") or "\0" in path:
        raise InvalidRequestError(
            gettext("A folder is named by its whole path."), code="not-a-folder"
        )
    plain = os.path.normpath(path)
    roots = [os.path.realpath(root) for root in watch_roots()]
    if not roots:
        message = "No folders may be watched: the machine's operator sets TWINSIGHT_WATCH_ROOTS."
        raise InvalidRequestError(message, code="no-roots")
    if os.path.realpath(plain) != plain:
        raise InvalidRequestError(gettext("A link stands on the way to this folder."), code="link")
    if not any(plain == root or plain.startswith(f"{root.rstrip('/')}/") for root in roots):
        message = "The folder lies outside those that the machine's operator allows."
        raise InvalidRequestError(message, code="outside-roots")
    if not Path(plain).is_dir():
        raise InvalidRequestError(gettext("There is no such folder."), code="not-a-folder")
    return plain
