"""Acts of this room: take out, send, collect, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import holds_role, is_radiology_admin
from archive.bulk.exporting import export_study, finish_export
from archive.bulk.registry import register_act
from archive.bulk.types import Act, Field
from archive.bulk.working import SkippedError
from archive.collections.cases import add_case
from archive.collections.rights import EXPORTING_ROLES
from archive.collections.selectors import collections_to_add_to
from archive.collections.services import create_collection
from archive.collections.types import CasePath
from archive.curation.removals import MAX_REASON, remove_objects
from archive.curation.types import ObjectPath
from archive.errors import InvalidRequestError
from archive.forwarding.queueing import has_peers_for, send_studies, sending_peers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.audit.types import Asker
    from archive.bulk.types import Work
    from archive.models.querysets import AnyUser


def register_own_acts() -> None:
    """Offer them; called once, when the program starts."""
    register_act(
        Act(
            name="export",
            label=_("Export as ZIP"),
            verb=_("Export"),
            icon="download",
            is_for=lambda user: holds_role(user, EXPORTING_ROLES),
            step=export_study,
            finish=finish_export,
            hint=_("One file with everything of the studies, kept for a day under your jobs."),
        )
    )
    register_act(
        Act(
            name="send",
            label=_("Send to a peer"),
            verb=_("Send"),
            icon="share-2",
            is_for=has_peers_for,
            fields=peer_fields,
            check=checked_peer,
            step=_send,
            hint=_("With reports and segmentations. What the peer had before is sent again."),
        )
    )
    register_act(
        Act(
            name="collect",
            label=_("Add to a collection"),
            verb=_("Add"),
            icon="folder-plus",
            is_for=lambda user: user.is_authenticated,
            fields=_collection_field,
            check=_checked_collection,
            step=_collect,
        )
    )
    register_act(
        Act(
            name="delete",
            label=_("Delete"),
            verb=_("Delete"),
            is_rare=True,
            icon="trash-2",
            is_for=is_radiology_admin,
            fields=lambda _user: (reason_field(_("Why they are deleted")),),
            check=lambda _asker, asked: {"reason": checked_reason(asked)},
            step=_delete,
            hint=_("Nobody sees them any more; an admin can undo it until they are purged."),
            is_dangerous=True,
        )
    )


def reason_field(label: Any) -> Field:
    """Return the field that asks why."""
    return Field(name="reason", label=label)


def checked_reason(asked: Mapping[str, str]) -> str:
    """Return the reason that was given; raise InvalidRequestError where there is none."""
    reason = " ".join(asked.get("reason", "").split())
    if not reason:
        raise InvalidRequestError(gettext("Say why."), code="reason-missing")
    if len(reason) > MAX_REASON:
        raise InvalidRequestError(
            gettext("A reason has at most %(most)s characters.") % {"most": MAX_REASON}
        )
    return reason


def project_field(label: Any, known: Mapping[str, str]) -> Field:
    """Return the field that asks for one of some projects, names by their slugs."""
    return Field(name="project", label=label, kind="choice", choices=list(known.items()))


def checked_project(asked: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    """Return the project that was chosen; raise InvalidRequestError where there is none."""
    slug = asked.get("project", "")
    if slug not in known:
        raise InvalidRequestError(
            gettext("There is no such project of yours."), code="unknown-project"
        )
    return {"project": slug, "detail": known[slug]}


def checked_key(asked: Mapping[str, str], name: str, known: Mapping[int, str], words: str) -> int:
    """Return the key that was chosen out of those that the asker may choose from."""
    text = asked.get(name, "")
    key = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
    if key not in known:
        raise InvalidRequestError(words, code=f"unknown-{name}")
    return key


def _peers(user: AnyUser) -> dict[int, str]:
    return {
        peer.pk: f"{peer.ae_title}, {peer.description}" if peer.description else peer.ae_title
        for peer in sending_peers(user)
    }


def peer_fields(user: AnyUser) -> Sequence[Field]:
    """Return the field that asks to which peer."""
    choices = [(str(key), words) for key, words in _peers(user).items()]
    return (Field(name="peer", label=_("To"), kind="choice", choices=choices),)


def checked_peer(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the peer that was chosen; raise InvalidRequestError where there is none."""
    known = _peers(_user(asker))
    key = checked_key(asked, "peer", known, "There is no such peer to send to.")
    return {"peer": key, "detail": known[key]}


def _send(work: Work, study_uid: str) -> str:
    peer = int(work.options["peer"])
    number = send_studies(asker=work.asker, peer_id=peer, study_uids=[study_uid])
    return f"{number} instances on their way"


def _collection_field(user: AnyUser) -> Sequence[Field]:
    choices = [(str(key), name) for key, name in collections_to_add_to(user)]
    new = Field(name="name", label=_("Or a new one of this name"), is_required=False)
    if not choices:
        return (Field(name="name", label=_("Name of your first collection")),)
    return (Field(name="collection", label=_("Collection"), kind="choice", choices=choices), new)


def _checked_collection(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    name = asked.get("name", "").strip()
    if name:
        key = create_collection(_user(asker), asker=asker, name=name)
        return {"collection": key, "detail": name}
    known = dict(collections_to_add_to(_user(asker)))
    key = checked_key(asked, "collection", known, "There is no such collection of yours.")
    return {"collection": key, "detail": known[key]}


def _collect(work: Work, study_uid: str) -> str:
    user = _user(work.asker)
    pk = int(work.options["collection"])
    _key, is_new = add_case(user, pk, CasePath(study_uid=study_uid), asker=work.asker)
    if not is_new:
        raise SkippedError(gettext("It is in the collection already."))
    return "added"


def _delete(work: Work, study_uid: str) -> str:
    removal = remove_objects(
        asker=work.asker, path=ObjectPath(study_uid), reason=str(work.options["reason"])
    )
    return f"{removal.number_of_instances} objects"


def _user(asker: Asker) -> Any:
    return asker.user
