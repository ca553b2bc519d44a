"""The similar page's question as it comes in the URL."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from inference.portal import forms
from inference.portal.forms import PictureForm, SimilarForm
from inference.similarity.types import PatientScope


def _form(query):
    return SimilarForm(QueryDict(query))


def test_query_object_and_filters_reach_the_search():
    query = _form(
        "series=1.2.3&modality=CT&body_part=CHEST&date_from=2024-01-31&k=24&same_patient=on"
    ).query()

    assert (query.series, query.k, query.patient) == ("1.2.3", 24, PatientScope.ANY)
    assert (query.filters.modality, query.filters.body_part) == (("CT",), ("CHEST",))
    assert query.filters.date_from == date(2024, 1, 31)


def test_the_same_patient_is_excluded_unless_asked_for():
    assert _form("series=1.2").query().patient is PatientScope.EXCLUDE


@pytest.mark.parametrize("query", ["", "series=x", "series=1.2'--", "study=" + "1" * 65, "frame=1"])
def test_nothing_valid_is_no_object(query):
    assert not _form(query).has_object


@pytest.mark.parametrize("k", ["0", "-1", "100000", "many"])
def test_unoffered_numbers_of_cases_become_the_default(k):
    assert _form(f"series=1.2&k={k}").query().k == forms.K_CHOICES[0]


def test_picture_leaves_the_object_out():
    query = _form("series=1.2&modality=MR").query(image=b"x")

    assert (query.series, query.image, query.filters.modality) == ("", b"x", ("MR",))


def test_picture_form_refuses_what_is_too_large(monkeypatch):
    monkeypatch.setattr(forms, "MAX_IMAGE_BYTES", 3)
    form = PictureForm({}, {"image": SimpleUploadedFile("a.png", b"four")})

    assert not form.is_valid()
    assert "at most" in form.errors["image"][0]


def test_picture_form_needs_a_picture():
    assert not PictureForm({}, {}).is_valid()
