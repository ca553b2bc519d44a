from __future__ import annotations

import pytest

from archive.models import Instance, Quarantine, Study
from archive.storage.stores import blob_store
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path):
    """Two studies in folders, droppings, a ZIP, and a file that is no DICOM."""
    for number in range(3):
        place = tmp_path / "in" / "study1" / f"{number}.dcm"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(as_part10(make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=number)))
    (tmp_path / "in" / "cd.zip").write_bytes(
        bad_input.make_zip({"DICOM/IM1": bad_input.good_file(), "DICOMDIR": b"x"})
    )
    (tmp_path / "in" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "in" / "readme.txt").write_bytes(b"not DICOM")
    return tmp_path / "in"


def test_folder_is_imported(run, folder, project):
    ran = run("import_dicom", folder, "--project", project.slug)

    assert ran.error is None
    assert "5 files: 4 stored, 0 duplicate, 1 quarantined, 0 failed." in ran.out
    assert "quarantined: in/readme.txt: This is not a DICOM file. [not-dicom]" in ran.err
    assert Instance.objects.count() == 4
    assert {study.projects.get() for study in Study.objects.all()} == {project}
    assert Quarantine.objects.get().door == "import"
    assert list((blob_store().root / "spool").iterdir()) == []


def test_second_run_changes_nothing(run, folder):
    run("import_dicom", folder)

    ran = run("import_dicom", folder)

    assert "0 stored, 4 duplicate, 1 quarantined, 0 failed." in ran.out
    assert Instance.objects.count() == 4
    assert Quarantine.objects.count() == 1


def test_what_is_archived_is_skipped_without_a_write(run, folder, settings):
    run("import_dicom", folder / "study1")
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**60

    ran = run("import_dicom", folder / "study1")

    assert ran.error is None
    assert "3 duplicate" in ran.out


@pytest.mark.parametrize("jobs", [1, 4])
def test_jobs_store_the_same(run, tmp_path, jobs):
    for number in range(70):
        ds = make_dataset(
            StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", InstanceNumber=number
        )
        (tmp_path / f"{number}.dcm").write_bytes(as_part10(ds))

    ran = run("import_dicom", tmp_path, "--jobs", jobs)

    assert "70 files: 70 stored" in ran.out
    assert Study.objects.get().number_of_study_related_instances == 70


def test_single_files_can_be_named(run, folder):
    ran = run("import_dicom", folder / "study1" / "0.dcm", folder / "cd.zip")

    assert "2 files: 2 stored" in ran.out


def test_missing_path_is_one_sentence(run, tmp_path):
    ran = run("import_dicom", tmp_path / "nowhere")

    assert "There is no file or folder" in str(ran.error)
    assert ran.error.returncode == 1


def test_unreadable_file_fails_the_import_and_no_other(run, folder, monkeypatch):
    bad = folder / "study1" / "1.dcm"
    whole = type(bad).open

    def refusing_open(self, *args, **kwargs):
        if self == bad:
            raise PermissionError(13, "Permission denied")
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(type(bad), "open", refusing_open)

    ran = run("import_dicom", folder)

    assert "3 stored, 0 duplicate, 1 quarantined, 1 failed." in ran.out
    assert "failed: in/study1/1.dcm: The file can't be read: Permission denied." in ran.err
    assert "1 files failed" in str(ran.error)


def test_full_disk_fails_each_file_and_says_so(run, folder, settings):
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**60

    ran = run("import_dicom", folder)

    assert "5 failed" in ran.out
    assert "storage-full" in ran.err
    assert "run the same command again" in str(ran.error)
    assert list((blob_store().root / "spool").iterdir()) == []


def test_unknown_project_and_silly_jobs_are_refused(run, folder):
    assert "no project" in str(run("import_dicom", folder, "--project", "none").error)
    assert "--jobs" in str(run("import_dicom", folder, "--jobs", 0).error)


def test_bad_files_are_all_quarantined(run, tmp_path):
    bad = bad_input.bad_files()
    for file in bad:
        (tmp_path / file.name).write_bytes(file.content)
    (tmp_path / "slip.zip").write_bytes(bad_input.slipping_zip(bad_input.good_file()))
    (tmp_path / "link.zip").write_bytes(bad_input.zip_with_link())
    (tmp_path / "empty.dcm").touch()

    ran = run("import_dicom", tmp_path)

    assert ran.error is None
    assert f"3 stored, 0 duplicate, {len(bad) + 2} quarantined, 0 failed." in ran.out


def test_links_to_folders_are_not_followed(run, folder):
    (folder / "loop").symlink_to(folder, target_is_directory=True)

    assert "5 files" in run("import_dicom", folder).out
