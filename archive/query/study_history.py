"""Who opened a study, for those whose business it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.access.study_roles import TRAIL_ROLES, roles_in_study
from archive.audit.history import events_of_study
from archive.audit.services import record_access
from archive.errors import NotAllowedError

if TYPE_CHECKING:
    from archive.audit.history import StudyEvent
    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

PAGE_SIZE = 50


def study_history(
    user: AnyUser, study_uid: str, *, asker: Asker, kind: str = "", before: int | None = None
) -> list[StudyEvent]:
    """Return a page of what the trail says of a study; that it was read is on record, too.

    Parameters
    ----------
    user
        the asker: a radiology admin or auditor of one of the study's projects
    study_uid
        Study Instance UID
    asker
        for the record of this reading
    kind
        ``reading``, ``changing`` or empty for both
    before
        key of the last line of the page before

    Returns
    -------
    one line more than `PAGE_SIZE` where there are older ones, newest first

    Raises
    ------
    NotVisibleError
        The study is absent, or outside the user's rights.
    NotAllowedError
        The user sees the study, but not its trail.
    """
    if not roles_in_study(user, study_uid) & TRAIL_ROLES:
        raise NotAllowedError(gettext("Only radiology admins and auditors see who opened a study."))
    record_access(asker, study_instance_uid=study_uid, what="trail")
    return events_of_study(study_uid, kind=kind, before=before, most=PAGE_SIZE + 1)
