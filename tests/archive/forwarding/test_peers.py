"""The register of peers: who may keep it, and that nobody gets in by it by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archive.access.selectors import find_peer
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError
from archive.forwarding.peers import PeerValues, change_peer, create_peer, delete_peer, echo_peer
from archive.models import AuditEvent, Peer, PrefetchRule

pytestmark = pytest.mark.django_db
SCANNER = PeerValues(ae_title="SCANNER", address="192.0.2.7", port=104)


def test_changes_are_audited_without_secrets(admin) -> None:
    values = PeerValues(
        protocol="dicomweb",
        ae_title="WEB",
        base_url="https://192.0.2.1/",
        authorization="Bearer hidden",
    )
    peer = create_peer(asker=admin, values=values)
    change_peer(asker=admin, peer_id=peer.pk, values=values)
    delete_peer(asker=admin, peer_id=peer.pk)

    trail = AuditEvent.objects.filter(event_id="110113").order_by("pk")
    assert [row.act for row in trail] == ["create-peer", "change-peer", "delete-peer"]
    assert "hidden" not in str([row.details for row in trail])


def test_others_keep_no_register(radiologist, admin) -> None:
    peer = create_peer(asker=admin, values=SCANNER)
    somebody = Asker(door="portal", user=radiologist)
    for act in (
        lambda: create_peer(asker=somebody, values=SCANNER),
        lambda: change_peer(asker=somebody, peer_id=peer.pk, values=SCANNER),
        lambda: delete_peer(asker=somebody, peer_id=peer.pk),
        lambda: echo_peer(asker=somebody, peer_id=peer.pk),
        lambda: create_peer(asker=Asker(door="test"), values=SCANNER),
    ):
        with pytest.raises(NotAllowedError):
            act()
    assert Peer.objects.count() == 1


def test_dicomweb_peer_lets_nobody_in_by_dicom(admin) -> None:
    values = PeerValues(
        protocol="dicomweb", ae_title="WEB", base_url="https://192.0.2.1/", may_query=True
    )
    peer = create_peer(asker=admin, values=values)

    assert [peer.may_store, peer.may_query, peer.may_retrieve] == [False] * 3
    assert peer.uses_tls
    assert find_peer(ae_title="WEB", address="192.0.2.1") is None
    create_peer(asker=admin, values=SCANNER)
    assert find_peer(ae_title="SCANNER", address="192.0.2.7") is not None


def test_peer_that_a_rule_uses_stays(admin) -> None:
    peer = create_peer(asker=admin, values=SCANNER)
    PrefetchRule.objects.create(name="R", peer=peer)

    with pytest.raises(InvalidRequestError):
        delete_peer(asker=admin, peer_id=peer.pk)


def test_listening_peer_answers_the_echo(admin, pacs) -> None:
    peer = echo_peer(asker=admin, peer_id=pacs.pk)

    assert (peer.echo_error, peer.echoed_at is not None) == ("", True)


def test_credentials_are_for_one_place(admin) -> None:
    values = PeerValues(
        protocol="dicomweb",
        ae_title="WEB",
        base_url="https://192.0.2.1/dicom-web",
        authorization="Bearer hidden",
    )
    peer = create_peer(asker=admin, values=values)

    def holds(**changes: str) -> bool:
        changed = replace(values, **{"authorization": None, **changes})
        return bool(change_peer(asker=admin, peer_id=peer.pk, values=changed).sealed_credentials)

    assert holds(description="The other house", base_url="https://192.0.2.1/other")
    assert not holds(base_url="https://192.0.2.2/dicom-web")
    assert holds(authorization="Bearer new", base_url="https://192.0.2.2/dicom-web")
    assert not holds(base_url="http://192.0.2.2/dicom-web")
    assert holds(authorization="Bearer new", base_url="https://192.0.2.2/dicom-web")
    assert not holds(base_url="https://192.0.2.2/dicom-web", address="192.0.2.9")
