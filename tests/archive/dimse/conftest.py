"""A listener on a free port, and the peers that may talk to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

from archive.access.services import register_peer
from archive.dimse.listener import Listener
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AE_TITLE = "TWINTEST"


@pytest.fixture
def peer(transactional_db, project) -> str:
    """Register SCANNER, whose studies go to the chest clinic; yield its AE title."""
    register_peer(ae_title="SCANNER", address="127.0.0.1", project=project)
    return "SCANNER"


@pytest.fixture
def workstation(peer, radiologist):
    """Register WORKSTATION, which asks with the rights of the chest clinic's radiologist."""
    return register_peer(
        ae_title="WORKSTATION",
        address="127.0.0.1",
        account=radiologist,
        may_query=True,
        may_retrieve=True,
    )


@pytest.fixture
def patience_s() -> float:
    """How long who connects may say nothing: on a busy machine our own clients take seconds."""
    return 60


@pytest.fixture
def listener(peer, patience_s) -> Iterator[Listener]:
    with Listener(ae_title=AE_TITLE, bind="127.0.0.1", port=0, acse_timeout_s=2) as running:
        running._lobby._patience_s = patience_s
        yield running


@pytest.fixture
def associate(listener) -> Iterator[Callable[..., object]]:
    """Open associations, and end those that a test leaves open."""
    opened = []

    def open_association(
        *, calling="SCANNER", called=AE_TITLE, contexts=((CTImageStorage, None),), **kwargs
    ):
        ae = AE(ae_title=calling)
        ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = 60, 20, 20
        ae.add_requested_context(Verification)
        for sop_class, syntaxes in contexts:
            ae.add_requested_context(sop_class, syntaxes)
        association = ae.associate("127.0.0.1", listener.port, ae_title=called, **kwargs)
        opened.append(association)
        return association

    yield open_association
    for association in opened:
        if association.is_established:
            association.release()


def stray_files() -> list[object]:
    """Return what lies in the spool folder."""
    return list((blob_store().root / "spool").iterdir())
