"""Every error on purpose has an answer at every door that can meet it."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.urls import get_resolver

import inference.errors
import inference.similarity.errors
from archive.api.statuses import http_status as rest_status
from archive.dicomweb.statuses import failure_reason
from archive.dicomweb.statuses import http_status as dicomweb_status
from archive.dimse.statuses import store_status
from archive.errors import ArchiveError, NotVisibleError
from archive.fhir.statuses import http_status as fhir_status
from archive.fhir.statuses import issue_code

MODULES = (inference.errors, inference.similarity.errors)


@pytest.fixture(scope="module", autouse=True)
def _doors() -> None:
    """Doors add their answers to the tables as their addresses are read, whatever ran before."""
    assert get_resolver().url_patterns


def _children(kind: type[ArchiveError]) -> set[type[ArchiveError]]:
    return {kind}.union(*(_children(child) for child in kind.__subclasses__()))


def _made(kind: type[ArchiveError]) -> ArchiveError:
    """An error as it is raised; those about a field of a query name the field."""
    if issubclass(kind, inference.similarity.errors.InvalidQueryError):
        return kind("no", field="k")
    return kind("no")


ERRORS = sorted(_children(ArchiveError), key=lambda kind: kind.__name__)
ARCHIVE_ERRORS = [kind for kind in ERRORS if kind.__module__ == "archive.errors"]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_error_is_named_and_coded(kind: type[ArchiveError]) -> None:
    assert kind.__name__.endswith("Error")
    assert kind.code
    assert kind.code == kind.code.lower()
    assert " " not in kind.code


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_rest_answers_a_status_that_fits(kind: type[ArchiveError]) -> None:
    status = rest_status(_made(kind))

    assert 400 <= status < 600
    # 409: the state of what was asked about, which may change by itself.
    fits_a_retry = status >= 500 or status == HTTPStatus.CONFLICT
    assert fits_a_retry or not kind.retriable, "a retriable failure is not the asker's fault"


@pytest.mark.parametrize("kind", ARCHIVE_ERRORS, ids=lambda kind: kind.__name__)
def test_dicomweb_answers_a_status_and_a_failure_reason(kind: type[ArchiveError]) -> None:
    assert 400 <= dicomweb_status(kind("no")) < 600
    assert 0x0100 <= failure_reason(kind("no")) <= 0xFFFF


@pytest.mark.parametrize("kind", ARCHIVE_ERRORS, ids=lambda kind: kind.__name__)
def test_fhir_answers_a_status_and_an_issue(kind: type[ArchiveError]) -> None:
    assert 400 <= fhir_status(kind("no")) < 600
    assert issue_code(kind("no"))


@pytest.mark.parametrize("kind", ARCHIVE_ERRORS, ids=lambda kind: kind.__name__)
def test_dimse_never_answers_success_to_an_error(kind: type[ArchiveError]) -> None:
    assert store_status(kind("no")) != 0


def test_absent_and_forbidden_are_the_same_answer() -> None:
    assert rest_status(NotVisibleError("no")) == dicomweb_status(NotVisibleError("no")) == 404
    assert fhir_status(NotVisibleError("no")) == 404
