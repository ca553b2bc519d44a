"""Objects taken out of every answer, and brought back: bytes and rows stay until a purge."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.audit import removals as audit
from archive.audit.corrections import record_deletion_refused
from archive.curation.states import judged_states, refresh_states
from archive.dicom.uids import is_valid_uid
from archive.errors import (
    InvalidRequestError,
    LegalHoldError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.events.services import publish
from archive.events.types import InstancesWithheld
from archive.models import Instance, Project, Removal, Role, Study
from archive.models.querysets import DELETED, readable_projects

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from archive.audit.types import Asker
    from archive.curation.types import ObjectPath
    from archive.models.querysets import AnyUser

MAX_REASON = 500
_ADMIN = frozenset({str(Role.RADIOLOGY_ADMIN)})


def may_remove(user: AnyUser, study: Study) -> bool:
    """Whether the user may delete in the study: a radiology admin of each of its projects.

    Parameters
    ----------
    user
        the asker
    study
        inside their rights
    """
    administered = readable_projects(user, _ADMIN).values("pk")
    projects = Project.objects.filter(studies=study)
    return projects.exists() and not projects.exclude(pk__in=administered).exists()


def remove_objects(*, asker: Asker, path: ObjectPath, reason: str) -> Removal:
    """Delete a study, series or instance: nobody sees it any more, until that is undone.

    Rows and bytes stay for ``TWINSIGHT_PURGE_AFTER_DAYS``.

    Parameters
    ----------
    asker
        a radiology admin of the study's projects
    path
        what to delete
    reason
        in a person's words

    Raises
    ------
    NotVisibleError
        It is not there, not for this user, or deleted already.
    NotAllowedError
        They may see it and not delete it.
    LegalHoldError
        It is under legal hold.
    """
    try:
        return _remove(asker, path, reason)
    except LegalHoldError:
        # Outside the transaction that failed: the attempt itself is recorded.
        record_deletion_refused(asker, study_instance_uid=path.study)
        raise


@transaction.atomic
def _remove(asker: Asker, path: ObjectPath, reason: str) -> Removal:
    study, instances = _found(asker, path)
    if study.legal_hold_reason:
        raise LegalHoldError(
            gettext("The study is under legal hold: nothing of it may be deleted.")
        )
    if not reason.strip():
        raise InvalidRequestError(gettext("Say why it is deleted."), code="reason-missing")
    removal = Removal(
        kind=Removal.Kind.DELETED,
        level=path.level,
        study_instance_uid=study.study_instance_uid,
        uid=path.uid,
        reason=_line(reason),
        removed_by=_account(asker),
        purge_after=timezone.now() + timedelta(days=settings.TWINSIGHT_PURGE_AFTER_DAYS),
    )
    withhold_instances(study=study, instances=instances, removal=removal, asker=asker)
    return removal


@transaction.atomic
def undo_removal(*, asker: Asker, removal_id: int) -> Removal:
    """Bring back what a removal took away; all is as before.

    Parameters
    ----------
    asker
        a radiology admin of the study's projects
    removal_id
        key of the removal

    Raises
    ------
    NotVisibleError
        There is none, or not for this user.
    StateConflictError
        It was undone or purged before.
    """
    user = asker.user or AnonymousUser()
    found = administered_removals(user).filter(pk=removal_id).first()
    if found is None:
        raise NotVisibleError("There is no such removal.")
    study = _locked(found.study_instance_uid)
    # Under the study's lock: who undid or purged it first is known now.
    removal = Removal.objects.select_for_update(no_key=True).get(pk=found.pk)
    is_closed = removal.undone_at or removal.purged_at or removal.tombstones.exists()
    if study is None or is_closed:
        raise StateConflictError(gettext("It was undone or purged already."), code="removal-closed")
    if not may_remove(user, study):
        raise NotAllowedError(gettext("Only a radiology admin of all its projects may undo this."))
    judged = judged_states(study)
    rows = Instance.objects.filter(removal=removal)
    touched = list(rows.values_list("pk", "series_id"))
    _restore(removal)
    removal.undone_at, removal.undone_by = timezone.now(), _account(asker)
    removal.save(update_fields=["undone_at", "undone_by"])
    refresh_states(study, judged)
    audit.record_removal_undone(asker, removal)
    _announce(study, touched, is_shown=True)
    return removal


def withhold_instances(
    *, study: Study, instances: QuerySet[Instance], removal: Removal, asker: Asker
) -> None:
    """Take instances out of answers under a removal that is not saved yet.

    The caller checked the right and holds the study's lock, inside a transaction.

    Parameters
    ----------
    study
        theirs
    instances
        at least one, none of them deleted before
    removal
        its kind says what becomes of them
    asker
        for the trail
    """
    judged = judged_states(study)
    touched = list(instances.values_list("pk", "series_id", "removal_id"))
    series = {row[1] for row in touched}
    removal.number_of_instances = len(touched)
    removal.before = {
        "series": {str(key): state for key, state in judged.items() if key in series},
        "rejections": {str(row[0]): row[2] for row in touched if row[2]},
    }
    removal.save()
    removal.projects.set(study.projects.all())
    keys = [row[0] for row in touched]
    Instance.objects.filter(pk__in=keys).update(withheld=removal.kind, removal=removal)
    refresh_states(study, judged)
    audit.record_removal(asker, removal)
    _announce(study, [row[:2] for row in touched], is_shown=False)


def administered_removals(user: AnyUser) -> QuerySet[Removal]:
    """Select removals in projects of which the user is a radiology admin, newest first.

    Parameters
    ----------
    user
        the asker; anyone else sees none
    """
    projects = readable_projects(user, _ADMIN).values("pk")
    through = Removal.projects.through.objects.filter(project_id__in=projects)
    return Removal.objects.filter(pk__in=through.values("removal_id")).order_by("-pk")


def _found(asker: Asker, path: ObjectPath) -> tuple[Study, QuerySet[Instance]]:
    """Return the locked study and what the path leads to in it, inside the asker's rights."""
    user = asker.user
    study = _locked(path.study) if all(map(is_valid_uid, path.uids)) else None
    nothing = NotVisibleError("There is no such object.")
    if user is None or study is None or not _sees(user, study):
        raise nothing
    given = {
        "series__study": study,
        "series__series_instance_uid": path.series,
        "sop_instance_uid": path.instance,
    }
    rows = Instance.objects.filter(**{key: value for key, value in given.items() if value})
    instances = rows.exclude(withheld=DELETED)
    if not instances.visible_to(user).exists():
        raise nothing
    if not may_remove(user, study):
        raise NotAllowedError(
            gettext("Only a radiology admin of all its projects may delete this.")
        )
    return study, instances


def _sees(user: AnyUser, study: Study) -> bool:
    return bool(Study.objects.visible_to(user).filter(pk=study.pk).exists())


def _locked(study_instance_uid: str) -> Study | None:
    rows = Study.objects.select_for_update(no_key=True)
    study: Study | None = rows.filter(study_instance_uid=study_instance_uid).first()
    return study


def _restore(removal: Removal) -> None:
    """Give its instances back the state they had; rejections that are open still hold."""
    former: dict[int, list[int]] = {}
    for instance, rejection in removal.before.get("rejections", {}).items():
        former.setdefault(int(rejection), []).append(int(instance))
    open_ones = Removal.objects.filter(pk__in=former, undone_at__isnull=True)
    for key in open_ones.values_list("pk", flat=True):
        Instance.objects.filter(pk__in=former[key], removal=removal).update(
            withheld=Instance.Withheld.REJECTED, removal_id=key
        )
    Instance.objects.filter(removal=removal).update(withheld=Instance.Withheld.NOT, removal=None)


def _announce(study: Study, touched: Collection[tuple[int, int]], *, is_shown: bool) -> None:
    publish(
        InstancesWithheld(
            instance_ids=sorted(pk for pk, _ in touched),
            series_ids=sorted({series for _, series in touched}),
            study_ids=[study.pk],
            is_shown=is_shown,
        )
    )


def _account(asker: Asker) -> User | None:
    """Return the asker's account where there is one, as a column wants it."""
    user = asker.user
    return user if user is not None and user.is_authenticated else None


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()[:MAX_REASON]
