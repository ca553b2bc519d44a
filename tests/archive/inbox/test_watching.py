"""Watched folders: what appears is taken in once it is quiet, and nothing else is touched."""

from __future__ import annotations

import errno
import os
import time
import zipfile

import pytest
from django.test import Client

from archive.inbox import watching
from archive.inbox.watching import due_folders, scan_folder
from archive.models import Instance, Quarantine, UploadBatch, UploadFile, WatchedFolder
from archive.models.memberships import forget_memberships
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.django_db
URL = "/api/v1/watched-folders"


@pytest.fixture
def folder(settings, tmp_path):
    settings.TWINSIGHT_WATCH_ROOTS = [str(tmp_path / "root")]
    path = tmp_path / "root" / "scanner"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def client(archive_admin):
    client = Client()
    client.force_login(archive_admin)
    return client


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The archive's clock, some seconds ahead: what was just written is quiet."""
    said = {"ahead": 30}
    monkeypatch.setattr(watching, "_now", lambda: time.time() + said["ahead"])
    return said


def _watch(client, path, project, **values):
    body = {"path": str(path), "project": project.slug, "quiet_seconds": 5, **values}
    response = client.post(URL, body, "application/json")
    assert response.status_code == 201, response.content
    return response.json()["id"]


def _put(path, content, *, age_s=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = time.time() - age_s
    os.utime(path, (moment, moment))


def _scan(folder_id):
    WatchedFolder.objects.filter(pk=folder_id).update(scanned_at=None)
    assert due_folders() == [folder_id]
    taken = scan_folder(folder_id, for_s=60)
    assert due_folders() == []
    return taken


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_what_is_quiet_is_taken_in_once(client, folder, project, tmp_path, after):
    outside = tmp_path / "secret.dcm"
    _put(outside, as_part10(make_dataset(PatientID="SECRET")))
    _put(folder / "day" / "1.dcm", as_part10(make_dataset()))
    _put(folder / "notes.txt", b"no DICOM " * 40)
    # Written to until long after this test.
    _put(folder / "growing.dcm", as_part10(make_dataset())[:-10], age_s=-86_400)
    (folder / "link.dcm").symlink_to(outside)
    (folder / "links").symlink_to(tmp_path)
    folder_id = _watch(client, folder, project, after=after)

    assert _scan(folder_id) == 2
    assert _scan(folder_id) == 0

    assert Instance.objects.count() == 1
    assert set(Instance.objects.get().series.study.projects.all()) == {project}
    assert Quarantine.objects.get().door == "folder"
    assert outside.exists()
    assert (folder / "growing.dcm").exists()
    here = {str(path.relative_to(folder)) for path in folder.rglob("*.[dt]*") if path.is_file()}
    assert ("day/1.dcm" in here) is (after == "keep")
    assert ("done/day/1.dcm" in here) is (after == "move")
    batch = UploadBatch.objects.get()
    assert (batch.state, batch.source) == ("done", f"folder:{folder}")
    states = dict(UploadFile.objects.values_list("name", "state"))
    assert states == {"day/1.dcm": "stored", "notes.txt": "quarantined"}

    # The same name with another content is another file.
    _put(folder / "day" / "1.dcm", as_part10(make_dataset(InstanceNumber=2)))
    assert _scan(folder_id) == 1
    assert Instance.objects.count() == 2


@pytest.mark.parametrize("link", ["done", "done/day"])
def test_nothing_is_moved_out_through_a_link(client, folder, project, tmp_path, link):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(outside)
    _put(folder / "day" / "1.dcm", as_part10(make_dataset()))
    folder_id = _watch(client, folder, project, after="move")

    _scan(folder_id)

    assert list(outside.rglob("*")) == []
    assert (folder / "day" / "1.dcm").exists()
    assert "link" in WatchedFolder.objects.get().error
    # Stored all the same, and once.
    WatchedFolder.objects.update(error="")
    _scan(folder_id)
    assert Instance.objects.count() == 1


def test_a_folder_that_went_or_whose_owner_lost_the_right_says_so(client, folder, project):
    folder_id = _watch(client, folder, project, after="delete")
    _put(folder / "1.dcm", as_part10(make_dataset()))
    WatchedFolder.objects.get().account.memberships.all().delete()
    forget_memberships()

    assert _scan(folder_id) == 0
    assert "may not store" in WatchedFolder.objects.get().error
    assert (folder / "1.dcm").exists()

    (folder / "1.dcm").unlink()
    folder.rmdir()
    assert _scan(folder_id) == 0
    assert "no such folder" in WatchedFolder.objects.get().error


def test_two_workers_never_look_into_the_same_folder(client, folder, project):
    folder_id = _watch(client, folder, project)
    _put(folder / "1.dcm", as_part10(make_dataset()))
    WatchedFolder.objects.update(lease_until="2999-01-01T00:00Z")

    assert due_folders() == []
    assert scan_folder(folder_id, for_s=60) == 0


def test_folders_lie_below_the_roots_and_behind_no_link(
    client, folder, project, tmp_path, settings
):
    (tmp_path / "root" / "away").symlink_to("/etc")
    (tmp_path / "root2").mkdir()
    wrong = {
        "/etc": "outside",
        str(tmp_path / "root2"): "outside",
        str(tmp_path / "root" / ".." / "root2"): "outside",
        str(tmp_path / "root" / "away"): "link",
        str(tmp_path / "root" / "none"): "no such folder",
        "relative": "whole path",
    }
    for path, words in wrong.items():
        response = client.post(URL, {"path": path}, "application/json")
        assert (response.status_code, words in response.json()["detail"]) == (400, True), path
    folder_id = _watch(client, folder, project)
    again = client.post(URL, {"path": str(folder)}, "application/json")
    assert (again.status_code, again.json()["field"]) == (400, "path")
    changed = client.patch(f"{URL}/{folder_id}", {"is_enabled": False}, "application/json")
    assert changed.json()["is_enabled"] is False
    assert due_folders() == []
    settings.TWINSIGHT_WATCH_ROOTS = []
    assert client.get(URL).json()["roots"] == []
    assert client.delete(f"{URL}/{folder_id}").status_code == 204


def test_folders_are_for_admins_of_the_whole_archive(radiologist, folder):
    other = Client()
    other.force_login(radiologist)
    assert other.get(URL).status_code == 403
    assert other.post(URL, {"path": str(folder)}, "application/json").status_code == 403
    assert other.get("/folders/").status_code == 403
    assert other.patch(f"{URL}/1", {}, "application/json").status_code == 403
    assert other.delete(f"{URL}/1").status_code == 403


@pytest.mark.parametrize("after", ["move", "delete"])
def test_what_is_refused_and_not_kept_whole_stays(client, folder, project, settings, after):
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = 40_000
    whole = as_part10(make_dataset())
    _put(folder / "large.dcm", whole + bytes(40_000))
    _put(folder / "half.dcm", whole[:-10])
    with zipfile.ZipFile(folder / "part.zip", "w") as archive:
        archive.writestr("good.dcm", whole)
        archive.writestr("large.dcm", bytes(50_000))
    _put(folder / "part.zip", (folder / "part.zip").read_bytes())
    _put(folder / "notes.txt", b"no DICOM " * 40)
    folder_id = _watch(client, folder, project, after=after)

    for _ in range(2):
        _scan(folder_id)

    here = {path.name for path in folder.iterdir() if path.is_file()}
    assert here == {"large.dcm", "half.dcm", "part.zip"}
    assert Instance.objects.count() == 1
    assert WatchedFolder.objects.get().error.startswith("3 files stay: they were refused")


@pytest.mark.parametrize("after", ["keep", "delete"])
def test_a_file_is_quiet_by_this_machines_clock(client, folder, project, clock, after):
    # As a copier does that gives the file its old time before it has all of it.
    _put(folder / "copying.dcm", as_part10(make_dataset()), age_s=86_400)
    folder_id = _watch(client, folder, project, after=after, quiet_seconds=40)

    assert _scan(folder_id) == 0
    assert (folder / "copying.dcm").exists()
    clock["ahead"] = 60

    assert _scan(folder_id) == 1


@pytest.mark.parametrize("after", ["keep", "delete"])
@pytest.mark.parametrize("reason", ["Permission denied", "Input/output error"])
def test_a_file_that_can_not_be_read_holds_up_no_other(
    client, folder, project, monkeypatch, after, reason
):
    for name in "abc":
        _put(folder / f"{name}.dcm", as_part10(make_dataset()))
    folder_id = _watch(client, folder, project, after=after)
    real, is_broken = watching._open, [True]

    def closed(root, name, *flags):
        if not is_broken[0] or name != "a.dcm":
            return real(root, name, *flags)
        if reason == "Permission denied":
            raise PermissionError(errno.EACCES, reason)
        # As on a disk with a bad sector: it opens, and what is at its beginning can't be read.
        return os.open("/proc/self/mem", os.O_RDONLY)

    monkeypatch.setattr(watching, "_open", closed)

    assert [_scan(folder_id), _scan(folder_id)] == [2, 0]

    said = WatchedFolder.objects.get().error
    assert said == f"1 files or folders can't be read and wait, a.dcm for one: {reason}."
    assert (folder / "a.dcm").exists()
    assert Instance.objects.count() == 2
    assert UploadBatch.objects.count() == 1, "none for a round without a file"

    is_broken[0] = False
    assert _scan(folder_id) == 1
    assert WatchedFolder.objects.get().error == ""
    assert Instance.objects.count() == 3


def test_what_lies_in_a_closed_folder_is_not_forgotten(client, folder, project, monkeypatch):
    _put(folder / "closed" / "1.dcm", as_part10(make_dataset()))
    _put(folder / "open" / "2.dcm", as_part10(make_dataset()))
    folder_id = _watch(client, folder, project)
    assert _scan(folder_id) == 2
    real = os.open

    def closed(path, *how, **more):
        if path == "closed":
            raise PermissionError(errno.EACCES, "no")
        return real(path, *how, **more)

    (folder / "open" / "2.dcm").unlink()
    with monkeypatch.context() as context:
        context.setattr(os, "open", closed)
        assert _scan(folder_id) == 0
    assert "closed for one: Permission denied" in WatchedFolder.objects.get().error
    assert list(WatchedFolder.objects.get().known) == ["closed/1.dcm"]

    assert _scan(folder_id) == 0
