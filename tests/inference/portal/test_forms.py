"""The similar page's question as it comes in the URL."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from inference.portal import forms
from inference.portal.addresses import state_of
from inference.portal.forms import PictureForm, SimilarForm
from inference.similarity.types import MAX_EXAMPLES, Filters, PatientScope, Region


def _form(query):
    return SimilarForm(QueryDict(query))


def test_query_object_and_filters_reach_the_search():
    query = _form(
        "series=1.2.3&modality=CT&body_part=CHEST&date_from=2024-01-31&k=24&patient=any"
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


def test_lists_region_words_and_examples_reach_the_search():
    query = _form(
        "instance=1.2.3&frame=2&region=4,5,60,70&text=nodule&positive=1.9&positive=1.8"
        "&negative=1.7&modality=CT&modality=MR&level=instance&space=b&age_from=40&age_to=60"
        "&attribute=KVP=120&attribute=nonsense&sex=F&project=chest-clinic&label=a:b&finding=any"
    ).query()

    assert query.region == Region(4, 5, 60, 70)
    assert (query.frame, query.text, query.level, query.space) == (2, "nodule", "instance", "b")
    assert (query.positive, query.negative) == (("1.9", "1.8"), ("1.7",))
    assert query.filters == Filters(
        modality=("CT", "MR"),
        sex=("F",),
        project=("chest-clinic",),
        label=("a:b",),
        finding=("any",),
        attribute=(("KVP", "120"),),
        age_from=40,
        age_to=60,
    )


@pytest.mark.parametrize(
    "region", ["", "1,2,3", "a,b,c,d", "1,2,3,-4", "1.5,2,3,4", "9999999,1,1,1"]
)
def test_no_rectangle_is_no_region(region):
    assert _form(f"instance=1.2&region={region}").query().region is None


@pytest.mark.parametrize("uid", ["x", "1.2;drop", "1" * 65])
def test_examples_that_are_no_uids_are_left_out(uid):
    assert _form(f"series=1.2&positive={uid}&positive=1.5").query().positive == ("1.5",)


def test_examples_are_as_many_as_the_search_takes():
    many = "&".join(f"positive=1.{number}" for number in range(80))

    assert len(_form(many).query().positive) == MAX_EXAMPLES


@pytest.mark.parametrize(
    ("query", "is_question"),
    [
        ("text=nodule", True),
        ("positive=1.2", True),
        ("negative=1.2", False),
        ("modality=CT", False),
    ],
)
def test_words_and_examples_are_a_question_too(query, is_question):
    assert _form(query).has_question is is_question


def test_what_no_control_shows_is_kept_from_one_question_to_the_next():
    kept = _form("series=1.2&region=bad&positive=1.5&label=a:b&modality=CT&text=words").kept

    assert kept == [("series", "1.2"), ("positive", "1.5"), ("label", "a:b")]


def test_a_question_survives_its_address():
    address = (
        "study=1.1&series=1.2&instance=1.3&frame=4&region=1,2,30,40&text=words&positive=1.5"
        "&negative=1.6&level=frame&space=s&patient=any&k=24&modality=CT&modality=MR&body_part=HEAD"
        "&laterality=L&view=PA&sex=M&manufacturer=Maker&project=p&label=a:b&finding=c:d"
        "&attribute=KVP=120&date_from=2024-01-02&date_to=2024-02-03&age_from=1&age_to=99"
    )
    query = _form(address).query()

    assert SimilarForm(state_of(query)).query() == query
