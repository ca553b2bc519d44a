"""From draft to shadow to active to retired, and who may run at all."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from archive.audit import bundles as audit
from archive.audit import services as trust_audit
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotVisibleError
from inference.bundles.registry import check_bundle
from inference.bundles.trials import keep_trials
from inference.bundles.trust import trusted_copy
from inference.errors import BundleNotTrustedError, InferenceError
from inference.models import ModelVersion, Run, SeriesText
from inference.pipelines.bundle_metadata import read_metadata

_RUNNING = frozenset({ModelVersion.State.ACTIVE, ModelVersion.State.SHADOW})


def runs_own_code(version: ModelVersion) -> bool:
    """Whether the version's expressions and scripts run: so unless its check found none."""
    return bool(version.checks.get("trust_needed", True))


def require_runnable(version: ModelVersion) -> None:
    """Refuse a bundle that holds code nobody trusted.

    Raises
    ------
    BundleNotTrustedError
        Its files hold code, or were never checked, and no admin trusted them.
    """
    if runs_own_code(version) and not version.is_trusted:
        raise BundleNotTrustedError(
            gettext("No admin has trusted %(version)s.") % {"version": version}
        )


def find_version(name: str, version: str = "") -> ModelVersion:
    """Return a version by name, the newest where none is named.

    Raises
    ------
    NotVisibleError
        There is no such version.
    """
    rows = ModelVersion.objects.filter(name=name)
    row = rows.filter(version=version).first() if version else rows.first()
    if row is None:
        raise NotVisibleError(f"There is no model {name} {version}".rstrip() + ".")
    return row


def set_state(
    *, name: str, version: str, state: str, asker: Asker | None = None, reason: str = ""
) -> ModelVersion:
    """Promote a version, let it run in shadow, or retire it.

    Where a version becomes active, the one of the same name that was is retired: two of them
    would say everything twice. What a version said in shadow stays for reviewers.

    Parameters
    ----------
    name, version
        which; the newest where ``version`` is empty
    state
        active, shadow, draft or retired
    asker, reason
        for the audit trail

    Raises
    ------
    NotVisibleError
        There is no such version.
    InvalidRequestError
        It may not run: its code is not trusted, or its check failed.
    """
    with transaction.atomic():
        row = find_version(name, version)
        if state not in ModelVersion.State.values:
            raise InvalidRequestError(
                gettext("%(state)s is no state of a model.") % {"state": state}
            )
        if state in _RUNNING:
            _require_checked(row)
        if state == ModelVersion.State.ACTIVE:
            others = ModelVersion.objects.filter(name=name, state=state).exclude(pk=row.pk)
            for other in others:
                _change(other, ModelVersion.State.RETIRED, asker, f"{row} took its place")
        _change(row, state, asker, reason)
    return row


def trust_version(*, asker: Asker, name: str, version: str, digest: str) -> ModelVersion:
    """Trust an installed bundle's code after reading it, and try it then.

    Parameters
    ----------
    asker
        the admin, for the audit trail
    name, version
        which
    digest
        of the files that were read

    Raises
    ------
    InvalidRequestError
        The digest is another.
    BundleInvalidError, BundleNotTrustedError
        The bundle failed its check, or its files changed: it stays untrusted.
    """
    row = find_version(name, version)
    if row.digest != digest or not row.bundle_path:
        raise InvalidRequestError(
            gettext("The digest of %(row)s is %(digest)s, not the one given.")
            % {"row": row, "digest": row.digest}
        )
    with trusted_copy(Path(row.bundle_path), digest) as folder:
        checks = check_bundle(folder, read_metadata(folder), is_trusted=True)
    with transaction.atomic():
        row.checks, row.is_trusted = checks, True
        row.save(update_fields=["checks", "is_trusted"])
        trust_audit.record_model_trusted(asker, model=str(row), digest=digest)
    return row


def request_trust(*, asker: Asker, name: str, version: str, digest: str) -> ModelVersion:
    """Have a worker try an installed bundle's code, which somebody read and trusts.

    Parameters
    ----------
    asker
        the admin; the record of trust is theirs
    name, version, digest
        as for `trust_version`

    Raises
    ------
    InvalidRequestError
        The digest is another.
    """
    from inference.bundles.tasks import try_trusted_task  # noqa: PLC0415 it imports this room

    row = find_version(name, version)
    if row.digest != digest or not row.bundle_path:
        raise InvalidRequestError(
            gettext("The digest of %(row)s is %(digest)s, not the one given.")
            % {"row": row, "digest": row.digest}
        )
    with transaction.atomic():
        row.checks = row.checks | {"is_running": True, "problem": ""}
        row.save(update_fields=["checks"])
        actor = (asker.user.pk if asker.user is not None else None) or 0
        transaction.on_commit(lambda: try_trusted_task.delay(row.pk, actor))
    return row


def finish_trust(*, version_id: int, actor_id: int) -> None:
    """Try a bundle as `request_trust` asked; what fails is written down and stays untrusted."""
    row = ModelVersion.objects.filter(pk=version_id).first()
    actor = User.objects.filter(pk=actor_id, is_active=True).first()
    if row is None or actor is None or not row.checks.get("is_running"):
        return
    asker = Asker(door="portal", user=actor)
    try:
        trust_version(asker=asker, name=row.name, version=row.version, digest=row.digest)
    except InferenceError as error:
        row.checks = row.checks | {"is_running": False, "problem": error.message}
        row.save(update_fields=["checks"])


def set_diagnostic(
    *, asker: Asker, name: str, version: str, is_diagnostic: bool, reason: str
) -> ModelVersion:
    """Say whether a model's results must carry the notice; a matter of its approval, on record.

    Raises
    ------
    InvalidRequestError
        No reason is given for leaving the notice out.
    """
    row = find_version(name, version)
    if is_diagnostic and not reason.strip():
        raise InvalidRequestError(
            gettext("Say by which approval the model may be used for diagnosis.")
        )
    with transaction.atomic():
        row.is_diagnostic = is_diagnostic
        row.save(update_fields=["is_diagnostic"])
        audit.record_model_diagnostic(
            asker, model=str(row), is_diagnostic=is_diagnostic, reason=reason
        )
    return row


def _require_checked(row: ModelVersion) -> None:
    if row.pipeline == "bundle" and runs_own_code(row) and not row.is_trusted:
        raise InvalidRequestError(f"{row} is not trusted: register it with --trust {row.digest}")
    if row.checks and not row.checks.get("passed"):
        raise InvalidRequestError(
            gettext("%(row)s has not passed its check on a phantom.") % {"row": row}
        )


def _change(row: ModelVersion, state: str, asker: Asker | None, reason: str) -> None:
    former = row.state
    if former == state:
        return
    if former == ModelVersion.State.SHADOW and state != ModelVersion.State.ACTIVE:
        keep_trials(row)
    row.state = state
    row.save(update_fields=["state"])
    if ModelVersion.State.SHADOW in {former, state}:
        _mark_words_stale(row)
    if asker is not None:
        audit.record_model_state(
            asker, model=str(row), state=state, former=former, reason=reason[:255]
        )


def _mark_words_stale(version: ModelVersion) -> None:
    """Have the words of series made anew whose findings are on trial now, or no longer."""
    runs = Run.objects.filter(model_version=version, is_shadow=False, findings__isnull=False)
    rows = SeriesText.objects.filter(study_id__in=runs.order_by().values("study_id"))
    # Locked in the order in which all lock them.
    list(rows.select_for_update(of=("self",)).order_by("series_id").values_list("pk"))
    rows.update(is_stale=True)
