"""Emergency access: one patient, a reason, a short time, everybody told, a review afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import holds_role, is_site_radiology_admin
from archive.audit import emergencies as audit
from archive.audit.types import Asker
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
)
from archive.events.services import publish
from archive.events.types import EmergenciesBegan
from archive.models import BreakGlass, Patient, Project, Role, Study
from archive.models.access import REVIEWING_ROLES
from archive.models.granted import granted_key
from archive.models.memberships import forget_memberships, memberships_of
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser

LEAST_REASON, MOST_OPEN, MOST_AT_ONCE = 10, 3, 500
_REVIEWING: frozenset[str] = frozenset({Role.RADIOLOGY_ADMIN, Role.AUDITOR})


@dataclass(frozen=True)
class Emergency:
    """An emergency access, as pages and programs see it."""

    key: int
    username: str
    patient_id: str
    patient_name: str
    reason: str
    started_at: datetime
    ends_at: datetime
    is_open: bool
    reviewed_by: str
    reviewed_at: datetime | None
    is_justified: bool | None
    review_note: str
    # Of its studies, for who may see them now.
    study_uids: tuple[str, ...] = ()


def may_break_glass(user: AnyUser) -> bool:
    """Whether the user may ask for emergency access: who treats patients here, as a person."""
    return holds_role(user, REVIEWING_ROLES)


def begin_emergency(
    *, asker: Asker, patient_id: str, reason: str, issuer: str | None = None
) -> list[Emergency]:
    """Open one patient to the asker for a short time, on record and with everybody told.

    Parameters
    ----------
    asker
        a person; programs have no emergencies
    patient_id
        the exact Patient ID: nothing else is searched by
    reason
        in words, at least ten letters
    issuer
        of the Patient ID; None where it does not matter

    Returns
    -------
    one access a patient of that ID; several where identities are in conflict

    Raises
    ------
    NotAllowedError
        The asker treats nobody here.
    InvalidRequestError
        The reason says nothing.
    NotVisibleError
        There is no such patient.
    StateConflictError
        The asker sees all of the patient already.
    LimitExceededError
        Too many are open.
    """
    user = asker.user
    if user is None or not user.is_authenticated or asker.token_hint or not may_break_glass(user):
        audit.record_emergency_refused(asker, reason="role")
        raise NotAllowedError(
            gettext("Only clinicians and radiology admins open a patient in an emergency.")
        )
    if len(" ".join(reason.split())) < LEAST_REASON:
        audit.record_emergency_refused(asker, reason="no reason")
        raise InvalidRequestError(
            gettext("Give a reason of at least %(least)s letters.") % {"least": LEAST_REASON}
        )
    if _open_of(user).count() >= MOST_OPEN:
        audit.record_emergency_refused(asker, reason="too many")
        raise _too_many()
    patients = _patients_of(patient_id, issuer)
    if not patients:
        audit.record_emergency_refused(asker, reason="no such patient")
        raise NotVisibleError("There is no patient with exactly this ID.")
    hidden = [one for one in patients if _has_hidden(user, one)]
    if not hidden:
        raise StateConflictError(gettext("You see all studies of this patient already."))
    return _begin(asker, user, hidden, reason)


def _patients_of(patient_id: str, issuer: str | None) -> list[Patient]:
    if not patient_id.strip():
        return []
    rows = Patient.objects.filter(dicom_patient_id=patient_id.strip()[:64])
    if issuer is not None:
        rows = rows.filter(issuer_of_patient_id=issuer.strip()[:64])
    # Those without a study that is there are nobody's to see.
    return list(rows.filter(studies__withheld__in=["", "rejected"]).distinct()[:10])


def _has_hidden(user: AnyUser, patient: Patient) -> bool:
    studies = Study.objects.filter(patient=patient).exclude(withheld="deleted")
    return studies.count() > Study.objects.visible_to(user).filter(patient=patient).count()


def _too_many() -> LimitExceededError:
    words = gettext("%(most)s patients are open already. End one first.")
    return LimitExceededError(words % {"most": MOST_OPEN})


def _begin(asker: Asker, user: User, patients: list[Patient], reason: str) -> list[Emergency]:
    ends = timezone.now() + timedelta(minutes=settings.TWINSIGHT_EMERGENCY_MINUTES)
    with transaction.atomic():
        # One after the other for one person: the number of open ones holds.
        get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)
        if _open_of(user).count() >= MOST_OPEN:
            raise _too_many()
        rows = [
            BreakGlass.objects.create(
                user=user,
                patient=patient,
                reason=" ".join(reason.split())[:500],
                expires_at=ends,
            )
            for patient in patients
        ]
        for row in rows:
            _record(asker, "begin-emergency", row)
        publish(EmergenciesBegan(emergency_ids=[row.pk for row in rows]))
    forget_memberships()
    return [_as_emergency(row, user) for row in rows]


def end_emergency(*, asker: Asker, emergency_id: int) -> None:
    """Close one's own emergency access before its time.

    Raises
    ------
    NotVisibleError
        The asker has no such access open.
    """
    with transaction.atomic():
        rows = _open_of(asker.user).select_for_update(of=("self",))
        row = rows.filter(pk=emergency_id).first()
        if row is None:
            raise NotVisibleError("There is no such emergency access.")
        row.ended_at = timezone.now()
        row.save(update_fields=["ended_at"])
        _record(asker, "end-emergency", row)
    forget_memberships()


def close_ended() -> int:
    """Put on record that emergency accesses ran out; their rights ended at that moment already."""
    with transaction.atomic():
        rows = list(
            BreakGlass.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("user", "patient")
            .filter(ended_at__isnull=True, expires_at__lte=timezone.now())[:MOST_AT_ONCE]
        )
        for row in rows:
            row.ended_at = row.expires_at
            row.save(update_fields=["ended_at"])
            _record(Asker(door="system", user=row.user), "end-emergency", row)
    return len(rows)


def review_emergency(*, asker: Asker, emergency_id: int, is_justified: bool, note: str) -> None:
    """Say whether somebody else's emergency access was right.

    Raises
    ------
    NotVisibleError
        There is none that the asker reviews.
    NotAllowedError
        It is the asker's own.
    StateConflictError
        Somebody reviewed it already: their word stands.
    """
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to review."))
    with transaction.atomic():
        rows = reviewable_emergencies(asker.user).select_for_update(of=("self",))
        found = rows.filter(pk=emergency_id).first()
        if found is None:
            raise NotVisibleError("There is no such emergency access.")
        if found.user_id == asker.user.pk:
            raise NotAllowedError(gettext("Somebody else reviews your own emergency access."))
        if found.reviewed_at is not None:
            # Looked up anew: what was joined before the lock may be older than the row.
            names = get_user_model().objects.filter(pk=found.reviewed_by_id or 0)
            words = gettext("This access was reviewed already, by %(name)s. That word stands.")
            name = names.values_list("username", flat=True).first() or "?"
            raise StateConflictError(words % {"name": name}, code="reviewed-already")
        found.reviewed_by_id, found.reviewed_at = asker.user.pk, timezone.now()
        found.is_justified, found.review_note = is_justified, note.strip()[:500]
        found.save(update_fields=["reviewed_by_id", "reviewed_at", "is_justified", "review_note"])
        audit.record_emergency_reviewed(asker, emergency=found.pk, is_justified=is_justified)


def may_review_emergencies(user: AnyUser) -> bool:
    """Whether the user reviews emergency accesses of any project."""
    return holds_role(user, _REVIEWING)


def reviewable_emergencies(user: AnyUser) -> QuerySet[BreakGlass]:
    """Return the accesses to patients of the projects whose radiology admin or auditor it is."""
    rows = BreakGlass.objects.select_related("user", "patient", "reviewed_by")
    if not user.is_authenticated:
        return rows.none()
    if is_site_radiology_admin(user) or _audits_everything(user):
        return rows
    projects = _reviewed_projects(user)
    through = Study.projects.through.objects
    inside = through.filter(study__patient_id=OuterRef("patient_id"), project__in=projects)
    return rows.filter(Exists(inside))


def _audits_everything(user: AnyUser) -> bool:
    return any(
        held.role == Role.AUDITOR and held.project_id is None for held in memberships_of(user)
    )


def _reviewed_projects(user: AnyUser) -> QuerySet[Project]:
    return readable_projects(user, _REVIEWING)


def emergencies_to_review(user: AnyUser) -> int:
    """Return how many ended accesses wait for somebody's word."""
    if not may_review_emergencies(user):
        return 0
    return reviewable_emergencies(user).filter(reviewed_at__isnull=True).count()


def emergency_list(user: AnyUser, *, number: int = 200) -> list[Emergency]:
    """Return the user's own accesses and those they review, newest first."""
    own = Q(user_id=user.pk)
    reviewed = Q(pk__in=reviewable_emergencies(user).order_by().values("pk"))
    rows = BreakGlass.objects.filter(own | reviewed if may_review_emergencies(user) else own)
    return [
        _as_emergency(row, None)
        for row in rows.select_related("user", "patient", "reviewed_by")[:number]
    ]


def open_emergencies(user: AnyUser) -> list[Emergency]:
    """Return what is open to the user just now, for the sign on every page; mostly unasked."""
    if not user.is_authenticated or granted_key(memberships_of(user)) is None:
        return []
    return [_as_emergency(row, user) for row in _open_of(user)]


def _open_of(user: AnyUser | None) -> QuerySet[BreakGlass]:
    return BreakGlass.objects.select_related("user", "patient", "reviewed_by").filter(
        user_id=(user.pk if user else None) or 0,
        ended_at__isnull=True,
        expires_at__gt=timezone.now(),
    )


def _record(asker: Asker, act: str, row: BreakGlass) -> None:
    studies = row.patient.studies.order_by().values_list("study_instance_uid", flat=True)
    audit.record_emergency(
        asker, act=act, emergency=row.pk, patient=row.patient_id, studies=studies[:100]
    )


def _as_emergency(row: BreakGlass, user: AnyUser | None) -> Emergency:
    studies = Study.objects.visible_to(user) if user is not None else Study.objects.none()
    return Emergency(
        key=row.pk,
        username=row.user.get_username(),
        patient_id=row.patient.dicom_patient_id,
        patient_name=row.patient.patient_name,
        reason=row.reason,
        started_at=row.started_at,
        ends_at=row.ended_at or row.expires_at,
        is_open=row.ended_at is None and row.expires_at > timezone.now(),
        reviewed_by=row.reviewed_by.get_username() if row.reviewed_by else "",
        reviewed_at=row.reviewed_at,
        is_justified=row.is_justified,
        review_note=row.review_note,
        study_uids=tuple(
            studies.filter(patient_id=row.patient_id).values_list("study_instance_uid", flat=True)
        ),
    )
