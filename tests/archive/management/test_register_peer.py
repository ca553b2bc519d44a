"""Peers are registered from the command line, and changed without losing what is not named."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from archive.models import Peer

pytestmark = pytest.mark.django_db


def _register(*arguments: str) -> str:
    out = StringIO()
    call_command("register_peer", *arguments, stdout=out)
    return out.getvalue()


def test_options_are_kept_and_those_left_out_stay(project, radiologist, tmp_path) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    text = _register("CT1", "192.0.2.1", "--project", project.slug)
    _register(
        *("CT1", "192.0.2.1", "--project", project.slug, "--port", "104", "--host", "ct1.example"),
        *("--account", radiologist.username, "--query", "--retrieve", "--destination", "--tls"),
        *("--no-store", "--authority", str(authority)),
        *("--transfer-syntax", "1.2.840.10008.1.2.5"),
    )

    _register("CT1", "192.0.2.1", "--port", "105")

    peer = Peer.objects.get()
    assert text == "CT1 may call from 192.0.2.1.\n"
    assert (peer.port, peer.host, peer.account) == (105, "ct1.example", radiologist)
    assert (peer.may_store, peer.may_query, peer.may_retrieve) == (False, True, True)
    assert (peer.is_move_destination, peer.uses_tls) == (True, True)
    assert peer.transfer_syntaxes == ["1.2.840.10008.1.2.5"]
    assert peer.certificate_authority == "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize(
    "arguments",
    [
        ("CT1", "here"),
        ("CT1", "192.0.2.1", "--account", "nobody"),
        ("CT1", "192.0.2.1", "--project", "nowhere"),
        ("CT1", "192.0.2.1", "--authority", "/nowhere.pem"),
        ("CT1", "192.0.2.1", "--transfer-syntax", "JPEG"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(arguments) -> None:
    with pytest.raises(CommandError):
        _register(*arguments)
    assert not Peer.objects.exists()
