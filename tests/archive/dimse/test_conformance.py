"""The statement says what the listener does."""

from __future__ import annotations

import pytest
from pynetdicom import build_context

from archive.dimse import statuses
from archive.dimse.conformance import network_services
from archive.dimse.contexts import Rights, supported_contexts

_RIGHTS = {
    "": Rights(),
    "store": Rights(may_store=True),
    "query": Rights(may_query=True),
    "retrieve": Rights(may_retrieve=True),
}
_SERVED = [service for service in network_services() if service.role == "SCP"]


@pytest.mark.parametrize("service", _SERVED, ids=lambda service: service.name)
def test_each_class_is_accepted_with_the_right_it_needs_and_no_other(service):
    for uid in service.sop_classes:
        proposed = [build_context(uid, list(service.transfer_syntaxes))]
        accepted = supported_contexts(proposed, _RIGHTS[service.needs])
        assert {str(syntax) for syntax in accepted[0].transfer_syntax} == set(
            service.transfer_syntaxes
        )
        if service.needs:
            assert supported_contexts(proposed, Rights()) == []


def test_each_status_of_the_table_of_storage_is_stated():
    stated = {code for service in _SERVED for code, _ in service.statuses}

    assert set(statuses.STORE_STATUSES.values()) <= stated
