"""What thumbnails show, in words."""

from __future__ import annotations

import pytest

from archive.models import Series
from archive.query import picture_words
from archive.query.picture_words import PictureNotes, picture_in_words, pictures_in_words
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_notes(monkeypatch):
    """The archive alone: nobody above it knows more."""
    readers = {}
    monkeypatch.setattr(picture_words, "_readers", readers)
    return readers


@pytest.fixture
def film(project, no_notes) -> Series:
    dataset = make_dataset(Modality="DX", BodyPartExamined="HAND", Laterality="L")
    return store_datasets(dataset, project=project)[0].series


def test_modality_body_part_side_and_number_are_said(radiologist, film):
    words = pictures_in_words(radiologist, [film.series_instance_uid])

    assert words == {film.series_instance_uid: "X-ray of the hand, left, 1 image"}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"modality": "CT", "body_part_examined": "CHEST"}, "CT of the chest, 20 images"),
        ({"modality": "MR", "laterality": "B"}, "MRI, both sides, 20 images"),
        ({"modality": "ZZ"}, "ZZ image, 20 images"),
        ({}, "Image, 20 images"),
        ({"modality": "MG", "body_part_examined": "LEFT_BREAST"}, "Mammogram of the left breast"),
    ],
)
def test_what_the_header_leaves_out_is_not_said(columns, words):
    series = Series(number_of_series_related_instances=20, **columns)

    assert picture_in_words(series, []).startswith(words)


def test_views_sides_and_findings_of_others_are_added():
    series = Series(modality="CR", body_part_examined="CHEST", number_of_series_related_instances=2)
    notes = PictureNotes(views=("PA", "PA"), sides=("R",), findings=("effusion 91 % (accepted)",))

    assert picture_in_words(series, [notes]) == (
        "X-ray of the chest, right, PA view, 2 images. Models say: effusion 91 % (accepted)."
    )
    assert "effusion" not in picture_in_words(series, [notes], has_findings=False)


def test_outside_the_rights_nothing_is_said_nor_asked(outsider, film, no_notes):
    asked = []
    no_notes["room"] = lambda keys: asked.append(keys) or {}

    assert pictures_in_words(outsider, [film.series_instance_uid]) == {}
    assert asked == []


def test_of_two_series_that_of_another_project_is_left_out(
    outsider, project, other_project, no_notes
):
    ours = store_datasets(make_dataset(), project=other_project)[0].series
    theirs = store_datasets(make_dataset(), project=project)[0].series
    asked = []
    no_notes["room"] = lambda keys: asked.extend(keys) or {}

    words = pictures_in_words(outsider, [ours.series_instance_uid, theirs.series_instance_uid])

    assert list(words) == [ours.series_instance_uid]
    assert asked == [ours.pk]


def test_patient_is_not_in_the_words(radiologist, project, no_notes):
    dataset = make_dataset(PatientName="Doe^Jane", PatientID="TEST-77")
    series = store_datasets(dataset, project=project)[0].series

    (words,) = pictures_in_words(radiologist, [series.series_instance_uid]).values()

    assert "doe" not in words.lower()
    assert "TEST-77" not in words


def test_any_number_takes_as_many_queries(
    radiologist, project, no_notes, django_assert_num_queries
):
    images = store_datasets(*(make_dataset() for _ in range(6)), project=project)
    uids = [image.series.series_instance_uid for image in images]

    # Memberships, series.
    with django_assert_num_queries(2):
        assert len(pictures_in_words(radiologist, uids)) == 6
    with django_assert_num_queries(0):
        assert pictures_in_words(radiologist, ["", ""]) == {}
