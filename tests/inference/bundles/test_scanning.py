from __future__ import annotations

import json
import pickle  # noqa: TID251 what is looked for
import zipfile

import numpy as np
import pytest
import torch

from inference.bundles.scanning import read_config, scan_bundle, scan_config
from inference.errors import BundleInvalidError
from tests.builders.bundles import make_threshold_bundle
from tests.builders.declared_bundles import make_declared_bundle


class Harmful:
    """Its pickle runs a command where it is read."""

    def __reduce__(self):
        import os

        return (os.system, ("true",))


@pytest.fixture
def bundle(tmp_path):
    return make_declared_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("weights", ["model.pt", "model.ts", "model.safetensors", "model.npz"])
def test_a_bundle_of_allowed_parts_and_plain_weights_needs_no_trust(tmp_path, weights):
    assert scan_bundle(make_declared_bundle(tmp_path / "b", weights=weights)) == ()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"imports": ["$import os"]}, "imports::0: the expression '$import os' would be run."),
        ({"x": {"y": " $__import__('os')"}}, "x::y: the expression"),
        ({"net": {"_target_": "os.system"}}, "net: 'os.system' is not on the list"),
        ({"net": {"_target_": "scripts.net.Net"}}, "'scripts.net.Net' is not on the list"),
        ({"net": {"_target_": "monai.bundle.run"}}, "is not on the list"),
        ({"net": {"_target_": "monai.transforms.Lambda"}}, "is not on the list"),
        ({"net": {"_target_": "torch.load"}}, "is not on the list"),
        ({"net": {"_target_": "evil.UNet"}}, "is not on the list"),
        ({"net": {"_target_": ["UNet"]}}, "is not on the list"),
        ({"net": {"_target_": "UNet", "_mode_": "debug"}}, "may not be given '_mode_'"),
        (
            {"load": {"_target_": "LoadImaged", "keys": "image", "reader": "NumpyReader"}},
            "may not be given 'reader'",
        ),
        (
            {"save": {"_target_": "SaveImaged", "keys": "pred", "output_dir": "/etc"}},
            "may not be given 'output_dir'",
        ),
        ({"net": "%other.json::net"}, "takes its content from elsewhere"),
        ({"+net": {"channels": 3}}, "changes other entries"),
        ({"net::_target_": "os.system"}, "changes other entries"),
    ],
)
def test_a_configuration_that_would_run_code_is_named(config, reason):
    assert any(reason in one for one in scan_config(config)), scan_config(config)


def test_allowed_parts_may_be_named_in_full():
    config = {"a": {"_target_": "monai.networks.nets.UNet"}, "b": {"_target_": "torch.nn.ReLU"}}
    assert scan_config(config) == []


def test_a_script_is_code(tmp_path):
    reasons = scan_bundle(make_threshold_bundle(tmp_path / "b", threshold=1))
    assert "scripts/threshold.py is code." in reasons
    assert any("'scripts.threshold.Threshold' is not on the list" in one for one in reasons)


@pytest.mark.parametrize("name", ["models/head.pkl", "docs/readme.md", "models/extra.dat"])
def test_a_pickle_is_found_by_name_and_by_content(bundle, name):
    (bundle / name).write_bytes(pickle.dumps(Harmful()))
    assert f"{name} is a pickle, which runs code when it is read." in scan_bundle(bundle)


def test_weights_that_name_more_than_tensors_are_a_pickle(bundle):
    torch.save({"weight": Harmful()}, bundle / "models" / "model.pt")
    assert scan_bundle(bundle) == ("models/model.pt is a pickle that names posix.system.",)


def test_weights_of_the_old_format_are_read_too(bundle):
    path = bundle / "models" / "model.pt"
    torch.save({"weight": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    assert scan_bundle(bundle) == ()
    torch.save({"weight": Harmful()}, path, _use_new_zipfile_serialization=False)
    assert scan_bundle(bundle) == ("models/model.pt is a pickle that names posix.system.",)


def test_arrays_of_python_objects_are_found_without_reading_them(bundle):
    np.savez(bundle / "models" / "a.npz", good=np.ones(3), bad=np.array([{}], dtype=object))
    np.save(bundle / "models" / "b.npy", np.array([None]))
    assert [one.split(" ")[0] for one in scan_bundle(bundle)] == ["models/a.npz", "models/b.npy"]


def test_torchscript_that_reads_or_writes_files_is_code(bundle):
    with zipfile.ZipFile(bundle / "models" / "model.ts", "w") as archive:
        archive.writestr("m/code/__torch__/m.py", "x = torch.from_file('/etc/passwd')")
    assert scan_bundle(bundle) == ("models/model.ts is TorchScript that calls torch.from_file.",)


def test_a_yaml_configuration_needs_trust(bundle):
    (bundle / "configs" / "inference.yaml").write_text("a: 1\n")
    assert "only JSON is checked" in scan_bundle(bundle)[0]


def test_many_reasons_are_cut(bundle):
    (bundle / "configs" / "inference.json").write_text(json.dumps({"a": ["$x"] * 50}))
    reasons = scan_bundle(bundle)
    assert len(reasons) == 21
    assert reasons[-1] == "and 30 more."


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000])
def test_a_configuration_that_is_no_object_is_refused(bundle, text):
    (bundle / "configs" / "inference.json").write_text(text)
    with pytest.raises(BundleInvalidError):
        read_config(bundle)
