from __future__ import annotations

import pytest

from inference.models import Label
from tests.factories.archive import InstanceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance():
    return InstanceFactory()


@pytest.fixture
def write(tmp_path):
    def write_file(text: str, encoding: str = "utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


def test_labels_of_each_level_are_imported_once(run, write, instance):
    series, study = instance.series, instance.series.study
    path = write(
        "study,series,instance,label set,label\r\n"
        f"{study.study_instance_uid},,,demo,chest\r\n"
        f"{study.study_instance_uid},{series.series_instance_uid},,demo,nodule\r\n"
        f',,{instance.sop_instance_uid},demo,"key, image"\r\n'
    )

    first, second = run("import_labels", path), run("import_labels", path)

    assert "3 labels new, 0 known, 0 of no object." in first.out
    assert "0 labels new, 3 known, 0 of no object." in second.out
    assert Label.objects.get(label="nodule").series == series
    assert Label.objects.get(label="key, image").instance == instance
    assert Label.objects.get(label="chest").series is None


def test_dicom_keywords_and_a_byte_order_mark_are_understood(run, write, instance):
    path = write(f"\ufeffSOPInstanceUID,label_set,label\n{instance.sop_instance_uid},demo,a\n")

    assert "1 labels new" in run("import_labels", path).out


def test_rows_of_no_object_are_told_and_the_others_kept(run, write, instance):
    path = write(f"instance,label_set,label\n9.9,demo,a\n{instance.sop_instance_uid},demo,a\n")

    ran = run("import_labels", path)

    assert "1 labels new, 0 known, 1 of no object." in ran.out
    assert "rows 1." in str(ran.error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label_set,label\na,b\n", "no column study"),
        ("study,label\n1,b\n", "no column label_set"),
        ("", "no column"),
        ("study,label_set,label\n1.2,demo,\n", "Label 1"),
        ("study,label_set,label\n,demo,a\n", "Label 1"),
    ],
)
def test_malformed_files_are_one_sentence(run, write, text, message):
    ran = run("import_labels", write(text))

    assert message in str(ran.error)
    assert Label.objects.count() == 0


def test_other_encodings_and_missing_files_are_one_sentence(run, write, tmp_path):
    assert "not UTF-8" in str(
        run("import_labels", write("study,label_set,label\n1,a,\xe4", "latin-1")).error
    )
    assert "can't be read" in str(run("import_labels", tmp_path / "none.csv").error)
