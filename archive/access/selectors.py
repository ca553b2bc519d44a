"""Who may what, asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import Peer, Project
from archive.models.access import LABELLING_ROLES, REVIEWING_ROLES, STORING_ROLES, Role
from archive.models.memberships import memberships_kept, memberships_of
from archive.models.querysets import readable_projects

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from django.contrib.auth.models import User
    from django.db.models import Model

    from archive.models import Study
    from archive.models.memberships import Held
    from archive.models.querysets import AnyUser


def rights_kept() -> AbstractContextManager[None]:
    """Read what each account holds once until the end of the block."""
    return memberships_kept()


def holds_role(user: AnyUser, roles: frozenset[str] | set[str]) -> bool:
    """Whether the user holds one of the roles in any project."""
    return any(held.role in roles for held in memberships_of(user))


def is_radiology_admin(user: AnyUser) -> bool:
    """Whether the user is a radiology admin of any project."""
    return holds_role(user, {Role.RADIOLOGY_ADMIN})


def require_radiology_admin(user: AnyUser) -> None:
    """Raise NotAllowedError unless the user is a radiology admin."""
    if not is_radiology_admin(user):
        raise NotAllowedError("Only a radiology admin may do this.")


def is_site_radiology_admin(user: AnyUser) -> bool:
    """Whether the user is a radiology admin of every project."""
    return any(
        held.role == Role.RADIOLOGY_ADMIN and held.project_id is None
        for held in memberships_of(user)
    )


def require_site_radiology_admin(user: AnyUser) -> None:
    """Raise NotAllowedError unless the user is a radiology admin of every project.

    For figures over the whole archive: names of labels and scanners are in them.
    """
    if not is_site_radiology_admin(user):
        raise NotAllowedError("Only a radiology admin of the whole archive may do this.")


def require_may_store(user: AnyUser, project: Project | None) -> None:
    """Raise NotAllowedError unless the user may put studies into the project.

    Without a project, any role that stores is enough: the study goes to *Unassigned*.
    """
    if not user.is_authenticated or not user.is_active:
        raise NotAllowedError("Sign in to store studies.")
    storing = [held for held in memberships_of(user) if held.role in STORING_ROLES]
    if not any(project is None or _holds_in(held, project) for held in storing):
        raise NotAllowedError("You may not store studies in this project.")


def _holds_in(held: Held, project: Project) -> bool:
    """Whether a membership counts in a project; one of every project means the standard ones."""
    if held.project_id == project.pk:
        return True
    if project.kind == "unassigned":
        return held.role == Role.RADIOLOGY_ADMIN
    return held.project_id is None


def home_project(user: AnyUser) -> Project | None:
    """Return the one project into which the user stores, where there is exactly one."""
    named = {
        held.project_id
        for held in memberships_of(user)
        if held.role in STORING_ROLES
        and held.project_id is not None
        and held.project_kind == "standard"
    }
    return Project.objects.filter(pk__in=named).first() if len(named) == 1 else None


def storing_rights(user: AnyUser) -> dict[str, Any]:
    """Where the user may add to studies, for the statement that stores them.

    Returns
    -------
    ``everywhere``, else ``standard`` (all standard projects) or the keys of ``projects``, and
    ``unassigned``: the same as ``readable_projects(user, STORING_ROLES)``
    """
    mine = [held for held in memberships_of(user) if held.role in STORING_ROLES]
    is_wide = any(held.project_id is None for held in mine)
    sees_unassigned = any(held.role == Role.RADIOLOGY_ADMIN for held in mine)
    return {
        "everywhere": is_wide and sees_unassigned,
        "standard": is_wide,
        "unassigned": sees_unassigned,
        "projects": [held.project_id for held in mine if held.project_kind == "standard"],
    }


def find_peer(*, ae_title: str, address: str) -> Peer | None:
    """Return the enabled peer that calls itself so from that address."""
    peer = _read_peer(
        "ae_title = %s AND address = %s::inet AND is_enabled AND protocol = %s ORDER BY id LIMIT 1",
        (ae_title.strip(), address, Peer.Protocol.DIMSE.value),
    )
    if peer is not None and peer.project_id is not None:
        # Read here: whoever looks at it later may have no connection.
        peer.project = Project.objects.get(pk=peer.project_id)
    return peer


def peer_by_key(peer_key: int | None) -> Peer | None:
    """Return an enabled peer with its account, as it is registered now."""
    peer = _read_peer("id = %s AND is_enabled", (peer_key or 0,))
    if peer is not None and peer.account_id is not None:
        users = get_user_model()
        peer.account = users.objects.raw(f"{_select(users)} WHERE id = %s", (peer.account_id,))[0]
    return peer


def _read_peer(condition: str, params: tuple[Any, ...]) -> Peer | None:
    """Read a peer by a statement that is written already: every association begins with it."""
    found = Peer.objects.raw(f"{_select(Peer)} WHERE {condition}", params)
    return next(iter(found), None)


@cache
def _select(model: type[Model]) -> str:
    meta = model._meta  # noqa: SLF001 Django's name of it
    columns = ", ".join(f'"{field.column}"' for field in meta.concrete_fields)
    return f'SELECT {columns} FROM "{meta.db_table}"'  # noqa: S608 our own names


def find_move_destination(*, ae_title: str, requestor_address: str | None) -> Peer | None:
    """Return the one peer of that title to which others may have instances sent.

    Where several have the title, the one at the requestor's own address; None if that leaves open
    which is meant.
    """
    peers = Peer.objects.filter(
        ae_title=ae_title, is_enabled=True, is_move_destination=True, port__isnull=False
    ).filter(protocol=Peer.Protocol.DIMSE)
    found = list(peers[:32])
    if len(found) > 1:
        found = [peer for peer in found if peer.address == requestor_address]
    return found[0] if len(found) == 1 else None


def may_add_to(user: AnyUser | None, study: Study) -> bool:
    """Whether the user may put instances into a study that exists.

    They must see it and hold a storing role in one of its projects. ``None`` stands for the
    archive itself and for registered peers.
    """
    if user is None:
        return True
    if not type(study).objects.visible_to(user).filter(pk=study.pk).exists():
        return False
    return readable_projects(user, STORING_ROLES).filter(studies=study).exists()


def require_may_label(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may label, review and analyse in the study."""
    may = readable_projects(user, LABELLING_ROLES).filter(studies=study).exists()
    if not may:
        raise NotAllowedError("Your role in this project only allows you to look.")


def may_review_any(user: AnyUser) -> bool:
    """Whether the user may review results of models in any project."""
    return holds_role(user, REVIEWING_ROLES)


def may_label_any(user: AnyUser) -> bool:
    """Whether the user may label studies in any project."""
    return holds_role(user, LABELLING_ROLES)


def require_may_review(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may accept and reject results in the study."""
    if not readable_projects(user, REVIEWING_ROLES).filter(studies=study).exists():
        raise NotAllowedError("Only clinicians and radiology admins of its project review results.")


def find_account(username: str) -> User:
    """Return the account of that name; raise InvalidRequestError where there is none."""
    account = get_user_model().objects.filter(username=username).first()
    if account is None:
        raise InvalidRequestError(f"There is no account {username[:150]!r}.")
    return account


def known_username(text: str) -> str:
    """Return the text where it is an account's name, else nothing: people type passwords there."""
    return text if get_user_model().objects.filter(username=text[:150]).exists() else ""
