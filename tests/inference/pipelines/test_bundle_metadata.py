import pytest

from inference.errors import BundleInvalidError
from inference.pipelines.bundle_metadata import read_metadata


def write(tmp_path, text):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(text)
    return tmp_path


def test_read_metadata_of_real_bundle(shared_models):
    metadata = read_metadata(shared_models / "brain_t1_meshnet_light")
    assert metadata.version == "0.1.0"
    assert metadata.modality == "MR"
    assert metadata.labels == {0: "background", 1: "white matter", 2: "grey matter"}


def test_read_metadata_with_the_least_takes_the_folders_name(tmp_path):
    metadata = read_metadata(write(tmp_path, '{"version": "1", "network_data_format": []}'))
    assert metadata.name == tmp_path.name
    assert metadata.labels == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_read_metadata_refuses_what_is_none(tmp_path, text):
    with pytest.raises(BundleInvalidError):
        read_metadata(write(tmp_path, text))


def test_read_metadata_of_absent_bundle_is_refused(tmp_path):
    with pytest.raises(BundleInvalidError):
        read_metadata(tmp_path / "absent")
