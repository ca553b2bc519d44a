from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction

from archive.query import execution, selectors
from archive.query.selectors import matches, stream_matches
from archive.query.types import Level, MatchingKey, Query
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


def prepared():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql")
        return cursor.fetchone()[0]


def test_exact_statements_are_planned_once_and_others_each_time(radiologist, project):
    study = StudyFactory(projects=[project], accession_number="A1")
    before = prepared()

    for value in ("A1", "A2", "A3"):
        query = Query(Level.STUDY, keys=(MatchingKey("AccessionNumber", (value,)),))
        assert len(matches(user=radiologist, query=query).rows) == (value == "A1")
    assert prepared() == before + 1
    for value in ("A*", "B*"):
        query = Query(Level.STUDY, keys=(MatchingKey("AccessionNumber", (value,)),))
        matches(user=radiologist, query=query)
    assert prepared() == before + 1
    assert study.accession_number == "A1"


def test_behind_a_pool_nothing_is_kept_in_the_session(radiologist, project, monkeypatch):
    StudyFactory(projects=[project])
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    before = prepared()

    assert len(matches(user=radiologist, query=Query(Level.STUDY)).rows) == 1
    assert len(list(stream_matches(user=radiologist, query=Query(Level.STUDY)))) == 1
    assert prepared() == before


def test_errors_are_djangos():
    with pytest.raises(DataError), transaction.atomic():
        execution.fetch_all("SELECT %s::int", ("x",), is_exact=True)


def test_without_pg_trgm_names_are_compared_literally_and_the_page_says_so(
    radiologist, project, monkeypatch
):
    monkeypatch.setattr(selectors, "prepare_fuzzy_search", lambda: False)
    StudyFactory(projects=[project])
    names = (MatchingKey("PatientName", ("patient*",)),)

    page = matches(user=radiologist, query=Query(Level.STUDY, keys=names, is_fuzzy=True))
    other = matches(user=radiologist, query=Query(Level.STUDY, is_fuzzy=True))

    # The name is Test^Patient…: only a word of it begins so.
    assert (page.rows, page.is_fuzzy_refused) == ((), True)
    assert (len(other.rows), other.is_fuzzy_refused) == (1, False)
