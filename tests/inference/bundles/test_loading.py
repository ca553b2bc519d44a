import pytest
import torch

from inference.bundles.loading import load_state_dict
from inference.errors import BundleInvalidError


class Innocent:
    """Anything that is no tensor: unpickling it would run code of its class."""


def test_load_state_dict_reads_tensors(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"weight": torch.ones(2)}, path)
    assert load_state_dict(path)["weight"].tolist() == [1, 1]


@pytest.mark.parametrize("content", [{"weight": Innocent()}, torch.ones(2)])
def test_load_state_dict_refuses_more_than_tensors_by_name(tmp_path, content):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    with pytest.raises(BundleInvalidError):
        load_state_dict(path)


def test_load_state_dict_refuses_damaged_and_absent_files(tmp_path):
    (tmp_path / "torn.pt").write_bytes(b"PK\3\4")
    for name in ("torn.pt", "absent.pt"):
        with pytest.raises(BundleInvalidError):
            load_state_dict(tmp_path / name)
