from __future__ import annotations

import pytest

from archive.dicom.reading import read_dataset
from archive.models import AuditEvent
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.stored import store_bytes, store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def test_study_is_written_by_uids(run, folder, project):
    content = as_part10(make_dataset())
    (instance,) = store_bytes(content, project=project)
    series, study = instance.series, instance.series.study

    ran = run("export_dicom", folder, study.study_instance_uid)

    assert ran.error is None
    assert "1 studies: 1 files written, 0 there already, 0 missing." in ran.out
    name = f"{instance.sop_instance_uid}.dcm"
    path = folder / study.study_instance_uid / series.series_instance_uid / name
    assert path.read_bytes() == content
    assert AuditEvent.objects.get(act="retrieve").study_instance_uid == study.study_instance_uid


def test_export_goes_on_where_it_stopped(run, folder, project):
    store_datasets(make_dataset(), make_dataset(), project=project)
    run("export_dicom", folder)
    next(folder.rglob("*.dcm")).write_bytes(b"cut")

    ran = run("export_dicom", folder)

    assert "1 files written, 1 there already" in ran.out
    assert all(read_dataset(path).PatientID for path in folder.rglob("*.dcm"))


def test_project_limits_what_is_exported(run, folder, project, other_project):
    store_datasets(make_dataset(), project=project)
    store_datasets(make_dataset(), project=other_project)

    run("export_dicom", folder, "--project", project.slug)

    assert len(list(folder.rglob("*.dcm"))) == 1


def test_preamble_is_not_handed_on(run, folder, project):
    content = as_part10(make_dataset())
    store_bytes(b"MZ" + content[2:], project=project)

    run("export_dicom", folder)

    assert next(folder.rglob("*.dcm")).read_bytes() == content


def test_lost_bytes_are_told_and_the_rest_is_written(run, folder, project):
    first, _ = store_datasets(make_dataset(), make_dataset(), project=project)
    blob_store().path(first.blob.sha256).unlink()

    ran = run("export_dicom", folder)

    assert "1 files written, 0 there already, 1 missing." in ran.out
    assert "lost the bytes of 1" in str(ran.error)


def test_unknown_study_and_unwritable_folder_are_one_sentence(run, tmp_path, project):
    store_datasets(make_dataset(), project=project)
    (tmp_path / "file").touch()

    assert str(run("export_dicom", tmp_path, "9.9").error) == "There is no study 9.9."
    assert "can't be written" in str(run("export_dicom", tmp_path / "file").error)
