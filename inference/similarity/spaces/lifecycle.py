"""What an admin does with spaces: fill, pause, promote, roll back, retire. Searching goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.audit import services as audit
from archive.errors import NotAllowedError
from inference.models import EmbeddingSpace, ModelVersion, SpaceFill, SpacePromotion
from inference.similarity.errors import SpaceConflictError
from inference.similarity.spaces.backfill import measure
from inference.similarity.spaces.registry import are_indexes_valid, ensure_space_indexes, find_space

if TYPE_CHECKING:
    from archive.audit.types import Asker

State = EmbeddingSpace.State
# Doors of the site's operator, whose rights are the machine's.
_OPERATOR = frozenset({"command", "schedule", "demo"})


def fill_space(asker: Asker, space: str) -> EmbeddingSpace:
    """Begin to fill a space with what the archive holds, or go on where it was paused.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : its name; a ready one is left as it is

    Returns
    -------
    The space with its filling.

    Raises
    ------
    NotAllowedError
        The asker is no radiology admin of the whole archive.
    UnknownSpaceError
        There is no such space.
    SpaceConflictError
        It is projected from a space that is retired, or not filled.
    """
    require_admin(asker)
    key = find_space(space, in_any_state=True).pk
    with transaction.atomic():
        row = _locked(key)
        if row.state == State.READY:
            return row
        _check_base(row)
        now = timezone.now()
        fill, is_new = SpaceFill.objects.select_for_update(of=("self",)).get_or_create(
            space=row, defaults={"started_at": now}
        )
        fill.space = row
        if fill.is_paused:
            # What failed before is tried again.
            fill.is_paused, fill.started_at = False, now
        if row.state != State.FILLING:
            _begin(row, fill, is_new=is_new)
        fill.save()
        row.fill = fill
        audit.record_space_changed(asker, space=row.name, act="fill-space")
    return row


def fill_registered_spaces(asker: Asker) -> list[str]:
    """Begin to fill every space that nobody filled yet.

    Parameters
    ----------
    asker : a radiology admin, or the operator

    Returns
    -------
    Names of the spaces.
    """
    require_admin(asker)
    registered = EmbeddingSpace.objects.filter(state=State.REGISTERED).order_by("pk")
    names = list(registered.values_list("name", flat=True))
    for name in names:
        fill_space(asker, name)
    return names


def pause_space(asker: Asker, space: str) -> EmbeddingSpace:
    """Stop filling a space for now; nothing that arrives is embedded in it either.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : its name

    Returns
    -------
    The space with its filling.

    Raises
    ------
    NotAllowedError, UnknownSpaceError
        As for `fill_space`.
    SpaceConflictError
        It is not being filled.
    """
    require_admin(asker)
    key = find_space(space, in_any_state=True).pk
    with transaction.atomic():
        row = _locked(key)
        fill = SpaceFill.objects.select_for_update(of=("self",)).filter(space=row).first()
        if row.state != State.FILLING or fill is None:
            raise SpaceConflictError(
                gettext("The space %(name)s is not being filled.") % {"name": row.name}
            )
        fill.is_paused, fill.images_per_minute = True, 0.0
        fill.save()
        row.fill = fill
        audit.record_space_changed(asker, space=row.name, act="pause-space")
    return row


def promote_space(
    asker: Asker, space: str, reason: str = "", *, is_forced: bool = False
) -> SpacePromotion:
    """Let a space be the one that is searched where none is named.

    Every search before the moment of the switch is answered by the old space, every one after it
    by the new; the old one keeps its vectors and its indexes, and what arrives goes into both.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : its name
    reason : for the record
    is_forced : also a space that is still being filled: what it lacks is not found

    Returns
    -------
    The promotion; the one before it where the space is the default one already.

    Raises
    ------
    NotAllowedError, UnknownSpaceError
        As for `fill_space`.
    SpaceConflictError
        It is not ready, or its indexes are still being built.
    """
    require_admin(asker)
    chosen = find_space(space, in_any_state=True)
    _require_promotable(chosen, is_forced=is_forced)
    # Outside the transaction: they are built beside everything else, then checked.
    ensure_space_indexes(chosen)
    if not are_indexes_valid(chosen):
        raise SpaceConflictError(
            gettext("The indexes of %(name)s are being built: try again soon.")
            % {"name": chosen.name}
        )
    return _switch(asker, chosen.pk, reason, is_forced=is_forced)


def rollback_space(asker: Asker, reason: str = "") -> SpacePromotion:
    """Go back to the space that was searched before the last promotion.

    Rolled back twice, it goes two promotions back.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    reason : for the record

    Returns
    -------
    The promotion of the former space.

    Raises
    ------
    NotAllowedError
        The asker is no radiology admin of the whole archive.
    SpaceConflictError
        There was none before, or it is retired.
    """
    require_admin(asker)
    undone = promotion_to_undo()
    former = undone.previous_space if undone else None
    if former is None:
        raise SpaceConflictError(gettext("No space was searched before this one."))
    _require_promotable(former, is_forced=False)
    ensure_space_indexes(former)
    if not are_indexes_valid(former):
        raise SpaceConflictError(
            gettext("The indexes of %(name)s are being built: try again soon.")
            % {"name": former.name}
        )
    return _switch(asker, former.pk, reason, is_rollback=True)


def retire_space(asker: Asker, space: str) -> EmbeddingSpace:
    """Take a space out of use: it answers no more, and its vectors are deleted in batches later.

    Parameters
    ----------
    asker : a radiology admin, or the operator
    space : its name

    Returns
    -------
    The space.

    Raises
    ------
    NotAllowedError, UnknownSpaceError
        As for `fill_space`.
    SpaceConflictError
        It is the default one, or something in use is made from its vectors.
    """
    require_admin(asker)
    key = find_space(space, in_any_state=True).pk
    with transaction.atomic():
        row = _locked(key)
        if row.is_default:
            raise SpaceConflictError(
                gettext("The space that is searched by default can't be retired.")
            )
        user = _user_of(row)
        if user:
            raise SpaceConflictError(
                gettext("The space %(name)s is needed by %(user)s.")
                % {"name": row.name, "user": user}
            )
        row.state = State.RETIRED
        row.save(update_fields=["state"])
        ModelVersion.objects.filter(pk=row.model_version_id).update(
            state=ModelVersion.State.RETIRED
        )
        audit.record_space_changed(asker, space=row.name, act="retire-space")
    return row


def promotion_to_undo() -> SpacePromotion | None:
    """Return the last promotion that was not rolled back; each rollback undoes one before it.

    Returns
    -------
    With its former space; None where nothing was promoted, or all of it was rolled back.
    """
    undone = 0
    for promotion in SpacePromotion.objects.select_related("previous_space").order_by("-pk"):
        if promotion.is_rollback:
            undone += 1
        elif undone:
            undone -= 1
        else:
            return promotion
    return None


def require_admin(asker: Asker) -> None:
    """Refuse everyone but radiology admins of the whole archive and the site's operator.

    Parameters
    ----------
    asker : who asks

    Raises
    ------
    NotAllowedError
        They are neither.
    """
    if asker.user is not None:
        require_site_radiology_admin(asker.user)
    elif asker.door not in _OPERATOR:
        raise NotAllowedError(gettext("Only a radiology admin may do this."))


def _begin(row: EmbeddingSpace, fill: SpaceFill, *, is_new: bool) -> None:
    if not is_new:
        fill.started_at, fill.finished_at, fill.cursor = timezone.now(), None, None
        fill.allowance, fill.ticked_at, fill.measured_at = 0.0, None, None
    fill.images_per_minute = 0.0
    measure(fill, timezone.now())
    row.state = State.FILLING
    row.save(update_fields=["state"])
    # A retired model may come back; what runs on its space goes by the space's state.
    ModelVersion.objects.filter(pk=row.model_version_id, state=ModelVersion.State.RETIRED).update(
        state=ModelVersion.State.DRAFT
    )


def _check_base(row: EmbeddingSpace) -> None:
    base = row.base_space
    if base is not None and base.state in {State.RETIRED, State.REGISTERED}:
        raise SpaceConflictError(
            gettext("The space %(name)s, which it is made from, is not filled.")
            % {"name": base.name}
        )


def _require_promotable(space: EmbeddingSpace, *, is_forced: bool) -> None:
    is_forcible = is_forced and space.state == State.FILLING
    if space.state != State.READY and not is_forcible:
        message = f"The space {space.name} is not ready: {space.get_state_display().lower()}."
        raise SpaceConflictError(message)


def _switch(
    asker: Asker,
    space_id: int,
    reason: str,
    *,
    is_forced: bool = False,
    is_rollback: bool = False,
) -> SpacePromotion:
    with transaction.atomic():
        # All at once and in one order: two switches wait for each other here.
        rows = {
            row.pk: row
            for row in EmbeddingSpace.objects.select_for_update(of=("self",)).order_by("pk")
        }
        chosen = rows[space_id]
        _require_promotable(chosen, is_forced=is_forced)
        former = next((row for row in rows.values() if row.is_default), None)
        last = chosen.promotions.first()
        if former is not None and former.pk == chosen.pk and last is not None:
            return last
        if former is not None and former.pk != chosen.pk:
            former.is_default = False
            former.save(update_fields=["is_default"])
        chosen.is_default = True
        chosen.save(update_fields=["is_default"])
        promotion = SpacePromotion.objects.create(
            space=chosen,
            previous_space=former if former is not None and former.pk != chosen.pk else None,
            actor_id=asker.user.pk if asker.user is not None else None,
            is_rollback=is_rollback,
            reason=reason[:255],
        )
        audit.record_space_changed(
            asker,
            space=chosen.name,
            act="roll-back-space" if is_rollback else "promote-space",
            details={"former": former.name if former else "", "reason": reason[:255]},
        )
    return promotion


def _user_of(row: EmbeddingSpace) -> str:
    """Name what is made from the space's vectors and in use: a projected space, or a head."""
    projected = row.projected_spaces.exclude(state=State.RETIRED).first()
    if projected is not None:
        return f"the space {projected.name}"
    head = ModelVersion.objects.filter(
        task=ModelVersion.Task.CLASSIFY,
        state=ModelVersion.State.ACTIVE,
        config__space=row.name,
    ).first()
    return f"the model {head}" if head is not None else ""


def _locked(space_id: int) -> EmbeddingSpace:
    return EmbeddingSpace.objects.select_for_update(of=("self",)).get(pk=space_id)
