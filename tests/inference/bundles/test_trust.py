import shutil

import pytest

from inference.bundles.trust import digest_bundle, install_bundle, trusted_copy
from inference.errors import BundleInvalidError, BundleNotTrustedError


@pytest.fixture
def bundle(tmp_path):
    """A bundle of three files, one of them empty."""
    folder = tmp_path / "bundle"
    for name, content in (
        ("configs/metadata.json", b"{}"),
        ("scripts/__init__.py", b""),
        ("models/model.pt", b"\0" * 3_000_000),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_digest_bundle_is_the_same_wherever_the_files_lie(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "elsewhere" / "other-name")
    assert digest_bundle(copy) == digest_bundle(bundle)


def test_digest_bundle_ignores_what_python_leaves_behind(bundle):
    before = digest_bundle(bundle)
    (bundle / "scripts" / "__pycache__").mkdir()
    (bundle / "scripts" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert digest_bundle(bundle) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "models" / "model.pt").write_bytes(b"\1"),
        lambda folder: (folder / "scripts" / "more.py").write_text(""),
        lambda folder: (folder / "scripts" / "__init__.py").unlink(),
        lambda folder: (folder / "models" / "model.pt").rename(folder / "models" / "other.pt"),
    ],
)
def test_digest_bundle_changes_with_any_file(bundle, change):
    before = digest_bundle(bundle)
    change(bundle)
    assert digest_bundle(bundle) != before


def test_digest_bundle_refuses_links(bundle, tmp_path):
    (bundle / "scripts" / "link.py").symlink_to(tmp_path / "anything")
    with pytest.raises(BundleInvalidError):
        digest_bundle(bundle)


def test_digest_bundle_of_absent_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(BundleInvalidError):
        digest_bundle(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleInvalidError):
        digest_bundle(tmp_path / "empty")


def test_trusted_copy_holds_the_same_files_and_goes_away(bundle):
    with trusted_copy(bundle, digest_bundle(bundle)) as copy:
        assert digest_bundle(copy) == digest_bundle(bundle)
        assert (copy / "scripts" / "__init__.py").is_file()
    assert not copy.exists()


def test_trusted_copy_is_untouched_by_later_changes(bundle):
    digest = digest_bundle(bundle)
    with trusted_copy(bundle, digest) as copy:
        (bundle / "scripts" / "__init__.py").write_text("evil = True")
        assert digest_bundle(copy) == digest


def test_trusted_copy_of_changed_bundle_is_refused(bundle):
    digest = digest_bundle(bundle)
    (bundle / "scripts" / "__init__.py").write_text("evil = True")
    with pytest.raises(BundleNotTrustedError), trusted_copy(bundle, digest):
        pytest.fail("the block must not run")


def test_install_bundle_twice_leaves_one(bundle, tmp_path):
    models = tmp_path / "models"
    installed = install_bundle(bundle, models)
    assert install_bundle(bundle, models) == installed
    assert digest_bundle(installed) == digest_bundle(bundle)
    assert [path.name for path in models.iterdir()] == [installed.name]


def test_install_bundle_repairs_a_damaged_one(bundle, tmp_path):
    installed = install_bundle(bundle, tmp_path / "models")
    (installed / "models" / "model.pt").write_bytes(b"torn")
    install_bundle(bundle, tmp_path / "models")
    assert digest_bundle(installed) == digest_bundle(bundle)
