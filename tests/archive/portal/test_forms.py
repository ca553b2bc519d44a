"""The study list's filters as they come in the URL."""

from datetime import date

import pytest
from django.http import QueryDict

from archive.portal.forms import WorklistForm


def _form(query):
    return WorklistForm(QueryDict(query))


def test_empty_query_is_every_study_newest_first():
    filters = _form("").filters()

    assert (filters.sort, filters.is_descending) == ("date", True)
    assert (filters.patient, filters.modalities, filters.date_from) == ("", (), None)


def test_query_becomes_filters():
    filters = _form(
        "patient=doe&date_from=2024-01-31&date_to=2024-02-01&modality=ct&modality=MR"
        "&modality=CT&accession=A1&description=thorax&sort=patient"
    ).filters()

    assert (filters.patient, filters.accession, filters.description) == ("doe", "A1", "thorax")
    assert (filters.date_from, filters.date_to) == (date(2024, 1, 31), date(2024, 2, 1))
    assert filters.modalities == ("CT", "MR")
    assert (filters.sort, filters.is_descending) == ("patient", False)


@pytest.mark.parametrize("sort", ["password", "-", "--date", "patient__user", "x" * 99])
def test_unknown_order_is_newest_first(sort):
    filters = _form(f"sort={sort}").filters()

    assert (filters.sort, filters.is_descending) == ("date", True)


def test_a_bad_value_leaves_the_others_standing():
    filters = _form("date_from=yesterday&patient=doe&modality=%27;--&page=-3").filters()

    assert (filters.date_from, filters.patient, filters.modalities) == (None, "doe", ())


@pytest.mark.parametrize(("query", "page"), [("", 1), ("page=3", 3), ("page=0", 1), ("page=x", 1)])
def test_page_number_is_at_least_one(query, page):
    assert _form(query).page_number() == page
