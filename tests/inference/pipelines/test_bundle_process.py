import pytest
from monai.bundle import ConfigParser

from inference.pipelines.bundle_process import _config_path, _overrides, first_cause

REQUEST = {
    "bundle_root": "/b",
    "image": "/i.nii.gz",
    "output_dir": "/o",
    "device": "cpu",
}


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        ({"image": ""}, "image", "/i.nii.gz"),
        ({"datalist": []}, "datalist", ["/i.nii.gz"]),
        ({"dataset": {"data": []}}, "dataset::data", [{"image": "/i.nii.gz"}]),
    ],
)
def test_overrides_find_the_input_by_any_of_its_names(config, key, value):
    assert _overrides(ConfigParser(config), REQUEST)[key] == value


def test_config_path_takes_yaml_where_there_is_no_json(tmp_path):
    (tmp_path / "configs").mkdir()
    with pytest.raises(FileNotFoundError):
        _config_path(tmp_path)
    path = tmp_path / "configs" / "inference.yaml"
    path.write_text("")
    assert _config_path(tmp_path) == path


def test_first_cause_is_the_innermost_error():
    outer = RuntimeError("outer")
    outer.__cause__ = KeyError("inner")
    assert first_cause(outer) == "KeyError: 'inner'"
