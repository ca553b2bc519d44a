import pytest

from archive.access.projects import ensure_project
from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import Instance
from archive.models.access import Role
from bench import dicomweb_load, material, run
from bench.clients import Dicom, Target
from bench.material import identities


def test_a_running_server_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWINSIGHT_TOKEN", raising=False)
    with pytest.raises(SystemExit):
        run.arguments(["--url", "http://127.0.0.1:1"])


@pytest.mark.parametrize("words", [["--instances", "0"], ["--rounds", "99"]])
def test_the_work_is_bounded(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        run.arguments(words)


def test_a_dicom_listener_is_named_by_place_and_title() -> None:
    assert run.parse_dicom("127.0.0.1:11112/TWINSIGHT") == Dicom("127.0.0.1", 11112, "TWINSIGHT")
    assert run.parse_dicom("host:104") == Dicom("host", 104, "TWINSIGHT")


@pytest.fixture
def small_material(monkeypatch: pytest.MonkeyPatch) -> None:
    real = material.files
    monkeypatch.setattr(dicomweb_load, "files", lambda plan, rows=64: real(plan, 64))


@pytest.fixture
def archive_target(transactional_db: None, live_server: object) -> Target:
    project = ensure_project(name="Bench")
    token = create_api_token(
        asker=Asker(door="manage"),
        username="bench",
        scopes=["read", "write"],
        role=Role.RADIOLOGY_ADMIN,
        projects=[project],
    )
    headers = {"Authorization": f"Bearer {token}"}
    return Target("Twinsight", str(live_server), headers=headers)


@pytest.mark.usefixtures("small_material")
def test_every_case_runs_against_the_archive_without_an_error(archive_target: Target) -> None:
    size = run.Size(instances=3, requests=2, rounds=1, seed="test")
    cases = run.measure([archive_target], size)
    assert [problem for case in cases for problem in case.errors()] == []
    works = [case.work for case in cases]
    assert "STOW 20 a request, 4 connections" in works
    assert {*dicomweb_load.SEARCHES, *dicomweb_load.RETRIEVALS} <= set(works)
    assert Instance.objects.count() == 3 + 4 + 20 + 80
    assert dicomweb_load.found(archive_target, identities("test-0-stow-1-1", 3, 20)) == 3


@pytest.mark.usefixtures("small_material")
def test_a_token_without_rights_shows_as_errors(archive_target: Target) -> None:
    stranger = Target("Twinsight", archive_target.url)
    size = run.Size(instances=1, requests=1, rounds=1, seed="test")
    cases = run.measure([stranger], size)
    assert all(case.errors() for case in cases)
    assert not Instance.objects.exists()
