import os
import stat
from pathlib import Path

import pytest

from deploy.supervisor.errors import SupervisorError
from deploy.supervisor.home import (
    DEFAULT_ROOT,
    MAX_SOCKET_PATH_BYTES,
    PRIVATE_FOLDERS,
    Home,
    make_private_folder,
    write_private_file,
    write_secret_once,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_locate_reads_the_variable(tmp_path):
    assert Home.locate({"TWINSIGHT_HOME": str(tmp_path)}).root == tmp_path


@pytest.mark.parametrize("environ", [{}, {"TWINSIGHT_HOME": ""}])
def test_locate_falls_back_to_var_beside_manage_py(environ):
    assert Home.locate(environ).root == DEFAULT_ROOT
    assert (DEFAULT_ROOT.parent / "manage.py").is_file()


def test_locate_makes_relative_paths_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Home.locate({"TWINSIGHT_HOME": "data"}).root == tmp_path / "data"


def test_prepare_makes_private_folders(tmp_path):
    home = Home(tmp_path / "deep" / "home").prepare()
    assert mode_of(home.root) == 0o700
    assert {mode_of(home.root / name) for name in PRIVATE_FOLDERS} == {0o700}


def test_prepare_closes_an_open_folder_and_keeps_its_content(tmp_path):
    home = Home(tmp_path / "home")
    home.blobs.mkdir(parents=True, mode=0o755)
    (home.blobs / "kept").write_text("x")
    home.root.chmod(0o755)
    home.prepare()
    assert mode_of(home.root) == mode_of(home.blobs) == 0o700
    assert (home.blobs / "kept").read_text() == "x"


def test_prepare_says_when_a_file_is_in_the_way(tmp_path):
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(SupervisorError, match="TWINSIGHT_HOME"):
        Home(tmp_path / "home").prepare()


def test_private_folder_refuses_a_link(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(SupervisorError, match="in the way"):
        make_private_folder(tmp_path / "link")


def test_sockets_lie_in_run_where_the_path_is_short(tmp_path):
    home = Home(Path("/srv/twinsight"))
    assert home.postgres_socket_dir == Path("/srv/twinsight/run/postgres")
    assert home.valkey_socket == Path("/srv/twinsight/run/valkey.sock")


@pytest.mark.parametrize("runtime", ["", "/run/user/1000"])
def test_sockets_move_where_the_path_is_long(monkeypatch, runtime):
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr(Path, "is_dir", lambda path: True)
    home, other = Home(Path("/srv") / ("a" * 90)), Home(Path("/srv") / ("b" * 90))
    assert home.sockets.parent == Path(runtime or "/tmp")  # noqa: S108 what must come out
    assert home.sockets.name.startswith("twinsight-")
    assert home.sockets != other.sockets
    longest = home.postgres_socket_dir / ".s.PGSQL.5432"
    assert len(os.fsencode(longest)) <= MAX_SOCKET_PATH_BYTES


def test_socket_folders_outside_the_home_are_removed(tmp_path):
    home = Home(tmp_path / ("x" * 90)).prepare()
    assert home.sockets.is_dir()
    home.remove_socket_folders()
    assert not home.sockets.exists()


def test_secret_key_is_made_once_and_private(tmp_path):
    home = Home(tmp_path / "home")
    key = home.read_or_create_secret_key()
    assert len(key) >= 50
    assert home.read_or_create_secret_key() == key
    assert mode_of(home.secrets / "DJANGO_SECRET_KEY") == 0o600
    assert mode_of(home.secrets) == 0o700


def test_first_writer_of_a_secret_wins(tmp_path):
    write_secret_once(tmp_path / "secret", "first")
    write_secret_once(tmp_path / "secret", "second")
    assert (tmp_path / "secret").read_text() == "first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_private_file_is_replaced_and_private(tmp_path):
    write_private_file(tmp_path / "file", "old")
    write_private_file(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert mode_of(tmp_path / "file") == 0o600
    assert len(list(tmp_path.iterdir())) == 1
