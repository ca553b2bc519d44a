"""Who may what, asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext

from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import Peer, Project
from archive.models.access import (
    DEIDENTIFIED_ROLES,
    LABELLING_ROLES,
    READING_ROLES,
    REVIEWING_ROLES,
    STORING_ROLES,
    Role,
)
from archive.models.memberships import GRANTED, memberships_kept, memberships_of, rights_key
from archive.models.querysets import readable_projects
from archive.models.statements import fetch_rows

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


def rights_key_of(user: AnyUser) -> str:
    """Return a short text that changes with the account and what it holds, for caches."""
    return rights_key(user)


def holds_role(user: AnyUser, roles: frozenset[str] | set[str]) -> bool:
    """Whether the user holds one of the roles in any project."""
    return any(held.role in roles for held in memberships_of(user))


def is_radiology_admin(user: AnyUser) -> bool:
    """Whether the user is a radiology admin of any project."""
    return holds_role(user, {Role.RADIOLOGY_ADMIN})


def require_radiology_admin(user: AnyUser) -> None:
    """Raise NotAllowedError unless the user is a radiology admin."""
    if not is_radiology_admin(user):
        raise NotAllowedError(gettext("Only a radiology admin may do this."))


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
        raise NotAllowedError(gettext("Only a radiology admin of the whole archive may do this."))


def require_may_store(user: AnyUser, project: Project | None) -> None:
    """Raise NotAllowedError unless the user may put studies into the project.

    Without a project, any role that stores is enough: the study goes to *Unassigned*.
    """
    if not user.is_authenticated or not user.is_active:
        raise NotAllowedError(gettext("Sign in to store studies."))
    storing = [held for held in memberships_of(user) if held.role in STORING_ROLES]
    if not any(project is None or _holds_in(held, project) for held in storing):
        raise NotAllowedError(gettext("You may not store studies in this project."))


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
    values = (ae_title.strip(), address, Peer.Protocol.DIMSE.value)
    rows = fetch_rows(_peer_statement(_CALLING), values)
    peer = _peer_of(rows[0]) if rows else None
    if peer is not None and peer.project_id is not None:
        # Read here: whoever looks at it later may have no connection.
        peer.project = Project.objects.get(pk=peer.project_id)
    return peer


def peer_by_key(peer_key: int | None) -> Peer | None:
    """Return an enabled peer with its account, as it is registered now."""
    rows = fetch_rows(_peer_statement(_KEYED), (peer_key or 0,))
    return _peer_of(rows[0]) if rows else None


# Every association, and every request on one, begins with such a statement.
_CALLING = (
    "ae_title = $1::text AND address = $2::inet AND is_enabled AND protocol = $3::text"
    " ORDER BY peer.id LIMIT 1"
)
_KEYED = "peer.id = $1::bigint AND is_enabled"


@cache
def _peer_statement(condition: str) -> str:
    """Write what reads a peer with its account."""
    users = get_user_model()
    columns = ", ".join(
        f'{name}."{field.column}"'
        for name, model in (("peer", Peer), ("account", users))
        for field in model._meta.concrete_fields  # noqa: SLF001 Django's name of it
    )
    tables = (
        f'"{Peer._meta.db_table}" peer LEFT JOIN "{users._meta.db_table}" account'  # noqa: SLF001 as above
        " ON account.id = peer.account_id"
    )
    return f"SELECT {columns} FROM {tables} WHERE {condition}"  # noqa: S608 our own names


def _peer_of(row: tuple[Any, ...]) -> Peer:
    users = get_user_model()
    names, of_account = _attribute_names(Peer), _attribute_names(users)
    peer: Peer = Peer.from_db("default", names, row[: len(names)])
    if peer.account_id is not None:
        peer.account = users.from_db("default", of_account, row[len(names) :])
    return peer


@cache
def _attribute_names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001 Django's name of it


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
    archive itself and for registered peers. Whether it was deleted is not asked.
    """
    if user is None:
        return True
    if not type(study).objects.visible_with_deleted_to(user).filter(pk=study.pk).exists():
        return False
    return readable_projects(user, STORING_ROLES).filter(studies=study).exists()


def require_may_label(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may label, review and analyse in the study."""
    may = readable_projects(user, LABELLING_ROLES).filter(studies=study).exists()
    if not may:
        raise NotAllowedError(gettext("Your role in this project only allows you to look."))


def may_review_any(user: AnyUser) -> bool:
    """Whether the user may review results of models in any project."""
    return holds_role(user, REVIEWING_ROLES)


def may_read_any(user: AnyUser) -> bool:
    """Whether there may be images that the user looks at: by a role, a grant or an emergency."""
    return holds_role(user, READING_ROLES | DEIDENTIFIED_ROLES | {GRANTED})


def may_label_any(user: AnyUser) -> bool:
    """Whether the user may label studies in any project."""
    return holds_role(user, LABELLING_ROLES)


def require_may_review(user: AnyUser, study: Study) -> None:
    """Raise NotAllowedError unless the user may accept and reject results in the study."""
    if not readable_projects(user, REVIEWING_ROLES).filter(studies=study).exists():
        raise NotAllowedError(
            gettext("Only clinicians and radiology admins of its project review results.")
        )


def find_account(username: str) -> User:
    """Return the account of that name; raise InvalidRequestError where there is none."""
    account = get_user_model().objects.filter(username=username).first()
    if account is None:
        raise InvalidRequestError(
            gettext("There is no account %(username)s.") % {"username": repr(username[:150])}
        )
    return account


def known_username(text: str) -> str:
    """Return the text where it is an account's name, else nothing: people type passwords there."""
    if "\x00" in text:
        return ""
    return text if get_user_model().objects.filter(username=text[:150]).exists() else ""
