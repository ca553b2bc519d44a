"""Which acts there are: this room's own, and what rooms beside and above register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.errors import InvalidRequestError, NotAllowedError

if TYPE_CHECKING:
    from archive.bulk.types import Act
    from archive.models.querysets import AnyUser

_acts: dict[str, Act] = {}


def register_act(*acts: Act) -> None:
    """Offer acts wherever studies are selected; called when the program starts."""
    _acts.update((act.name, act) for act in acts)


def acts_for(user: AnyUser) -> list[Act]:
    """Return the acts that are offered to this user, in the order of their registration."""
    return [act for act in _acts.values() if act.is_listed and act.is_for(user)]


def known_act(name: str) -> Act | None:
    """Return the act of that name, for whom ever it is; None where nobody registered it."""
    return _acts.get(name)


def find_act(user: AnyUser, name: str) -> Act:
    """Return an act that the user may ask for.

    Raises
    ------
    InvalidRequestError
        There is no such act.
    NotAllowedError
        It is not for this user.
    """
    act = _acts.get(name)
    if act is None:
        raise InvalidRequestError(
            gettext("There is no act %(name)s.") % {"name": repr(name[:32])}, code="unknown-act"
        )
    if not act.is_for(user):
        raise NotAllowedError(gettext("Your roles do not allow this."))
    return act
