from __future__ import annotations

import pytest

from archive.access.services import register_peer
from archive.dimse.admission import (
    CALLED_TITLE,
    CALLING_TITLE,
    CONGESTION,
    Admission,
    plain_address,
)


class Here:
    """Writers that call at once."""

    def call(self, function):
        return function()


class Broken:
    def call(self, function):
        raise ConnectionError("no database")


@pytest.fixture
def admission(project):
    register_peer(ae_title="SCANNER", address="192.0.2.1", project=project)
    register_peer(ae_title="SIX", address="2001:db8::1")
    return Admission("TWIN", Here())


def test_registered_peer_comes_in_with_its_project(admission, project):
    admitted = admission.admit(called="TWIN", calling="SCANNER", address="192.0.2.1")

    assert admitted.refusal is None
    assert admitted.rights.may_store
    assert (admitted.origin.source, admitted.origin.project) == ("SCANNER", project)
    assert (admitted.origin.actor, admitted.origin.address) == (None, "192.0.2.1")


@pytest.mark.parametrize(
    ("called", "calling", "address", "refusal"),
    [
        ("OTHER", "SCANNER", "192.0.2.1", CALLED_TITLE),
        ("TWIN", "STRANGER", "192.0.2.1", CALLING_TITLE),
        ("TWIN", "SCANNER", "192.0.2.2", CALLING_TITLE),
        ("TWIN", "SIX", "192.0.2.1", CALLING_TITLE),
        ("TWIN", "scanner", "192.0.2.1", CALLING_TITLE),
        ("TWIN", "", "192.0.2.1", CALLING_TITLE),
    ],
)
def test_title_and_address_must_both_be_right(admission, called, calling, address, refusal):
    assert admission.admit(called=called, calling=calling, address=address).refusal is refusal


def test_nobody_comes_in_while_the_register_is_silent():
    admitted = Admission("TWIN", Broken()).admit(called="TWIN", calling="A", address="192.0.2.1")

    assert admitted.refusal is CONGESTION


def test_addresses_over_an_ipv6_socket_are_what_they_are(admission):
    mapped = admission.admit(called="TWIN", calling="SCANNER", address="::ffff:192.0.2.1")
    six = admission.admit(called="TWIN", calling="SIX", address="2001:db8::1%eth0")

    assert mapped.refusal is None
    assert six.refusal is None
    assert plain_address("::ffff:127.0.0.1") == "127.0.0.1"


def test_who_leaves_makes_room(project):
    register_peer(ae_title="SCANNER", address="192.0.2.1", project=project)
    admission = Admission("TWIN", Here(), limit=1)
    first = admission.admit(called="TWIN", calling="SCANNER", address="192.0.2.1")
    assert admission.admit(called="TWIN", calling="SCANNER", address="192.0.2.1").refusal

    admission.leave(first.peer_key)

    assert not admission.admit(called="TWIN", calling="SCANNER", address="192.0.2.1").refusal
