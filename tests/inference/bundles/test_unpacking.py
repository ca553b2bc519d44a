from __future__ import annotations

import zipfile

import pytest

from inference.bundles import unpacking
from inference.bundles.trust import digest_bundle
from inference.bundles.unpacking import unpacked
from inference.errors import BundleInvalidError
from tests.builders.declared_bundles import make_declared_bundle, zipped


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_declared_bundle(tmp_path_factory.mktemp("in") / "bundle", weights="model.npz")


def test_a_zip_with_one_folder_is_the_folder_it_was_made_of(bundle, tmp_path):
    with unpacked(zipped(bundle, tmp_path / "bundle")) as folder:
        assert digest_bundle(folder) == digest_bundle(bundle)
    assert not folder.exists()


def test_a_folder_is_copied(bundle):
    with unpacked(bundle) as folder:
        assert folder != bundle
        assert digest_bundle(folder) == digest_bundle(bundle)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "c:evil"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(BundleInvalidError, match="lead elsewhere"), unpacked(path):
        pass


def test_links_are_refused(tmp_path):
    path = tmp_path / "link.zip"
    link = zipfile.ZipInfo("configs/metadata.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BundleInvalidError, match="links"), unpacked(path):
        pass


def test_a_zip_that_grows_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * (2 << 20))
    with pytest.raises(BundleInvalidError, match="more than"), unpacked(path):
        pass


def test_a_damaged_zip_is_refused(bundle, tmp_path):
    path = zipped(bundle, tmp_path / "bundle")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 60] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(BundleInvalidError, match="damaged"), unpacked(path):
        pass


def test_what_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "text").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    for name, words in (("text", "neither"), ("folder", "no MONAI bundle"), ("gone", "neither")):
        with pytest.raises(BundleInvalidError, match=words), unpacked(tmp_path / name):
            pass
