"""The words of a study's reports, and what is none of them."""

from __future__ import annotations

import pytest
from pydicom.uid import generate_uid

from archive.models import Blob, Series
from archive.storage.stores import blob_store
from inference.similarity.words import reports
from inference.similarity.words.reports import document_texts, report_statements, report_text
from tests.builders.datasets import make_dataset
from tests.builders.reports import code, content_item, make_report
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def stored_study(project, *items, **attrs):
    image = make_dataset(PatientName="Doe^Jane")
    documents = [
        make_report([item], StudyInstanceUID=image.StudyInstanceUID, **attrs) for item in items
    ]
    instances = store_datasets(image, *documents, project=project)
    return instances[0].series.study


def test_texts_and_codes_of_all_depths_are_words(project):
    inner = content_item("CODE", "Left upper lobe", relationship="HAS PROPERTIES")
    section = content_item(
        "CONTAINER", "", content=[content_item("TEXT", "Solid Nodule.", content=[inner])]
    )

    assert report_text(stored_study(project, section)) == "solid nodule. left upper lobe"


def test_people_languages_and_observers_are_no_words():
    observer = content_item("CODE", "Radiologist", relationship="HAS OBS CONTEXT")
    language = content_item(
        "CODE", "English", name=code("121049", "DCM", "Language of Content Item")
    )
    person = content_item("PNAME", "House^Gregory")
    ds = make_report([observer, language, person, content_item("TEXT", "effusion")])

    assert list(document_texts(ds)) == ["effusion"]


def test_the_name_and_id_of_the_patient_are_left_out(project):
    study = stored_study(project, content_item("TEXT", "Mrs. DOE, Jane (TEST-1) has an effusion"))

    assert report_text(study) == "mrs. has an effusion"


def test_our_own_reports_are_not_read_again(project):
    study = stored_study(
        project, content_item("TEXT", "pneumonia unlikely"), Manufacturer="Twinsight"
    )

    assert report_text(study) == ""


@pytest.mark.parametrize("state", ["trial", "rejected", "superseded", "deleted"])
def test_reports_of_a_hidden_series_are_no_words_and_give_no_labels(project, state):
    study = stored_study(
        project, content_item("TEXT", "shown"), content_item("TEXT", "hidden"), Manufacturer="Other"
    )
    hidden = Series.objects.filter(study=study, modality="SR").order_by("pk")[1]
    Series.objects.filter(pk=hidden.pk).update(withheld=state)

    assert report_statements(study) == ["shown"]
    assert report_text(study) == "shown"


def test_text_is_bounded(project, monkeypatch):
    monkeypatch.setattr(reports, "MAX_CHARACTERS", 20)

    text = report_text(stored_study(project, content_item("TEXT", "effusion " * 100)))

    assert len(text) <= 20
    assert text.startswith("effusion effusion")


def test_endless_content_is_cut(monkeypatch):
    monkeypatch.setattr(reports, "MAX_ITEMS", 10)
    ds = make_report([content_item("TEXT", f"word{number}") for number in range(50)])

    assert len(list(document_texts(ds))) == 10


@pytest.mark.parametrize("damage", ["missing", "content"])
def test_a_report_that_cannot_be_read_counts_as_absent(project, damage):
    study = stored_study(project, content_item("TEXT", "effusion"))
    blob = Blob.objects.get(instance__series__modality="SR")
    path = next((blob_store().root / "sha256").rglob(blob.sha256))
    if damage == "missing":
        path.unlink()
    else:
        path.chmod(0o600)
        path.write_bytes(b"\x00" * 128 + b"DICM" + generate_uid().encode())

    assert report_text(study) == ""


def test_item_of_the_wrong_type_is_passed_over():
    broken = content_item("CODE", "x")
    del broken.ConceptCodeSequence

    assert list(document_texts(make_report([broken, content_item("TEXT", "kept")]))) == ["kept"]
