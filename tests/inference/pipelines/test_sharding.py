"""MONAI comes without torch's sharded optimizers; whoever wants them has them."""

import sys
from importlib import import_module

import pytest

from inference.pipelines import sharding
from inference.pipelines.sharding import spare_sharding

MODULE = "torch.distributed.optim"


@pytest.fixture
def nothing_imported(monkeypatch):
    import_module(MODULE)  # its parts stay; it is imported anew

    monkeypatch.delitem(sys.modules, MODULE)
    monkeypatch.delattr("torch.distributed.optim")


def test_what_checkpoints_ask_for_imports_nothing(nothing_imported):
    spare_sharding()

    from torch.distributed.optim import ZeroRedundancyOptimizer as Found

    assert Found is vars(sharding)["ZeroRedundancyOptimizer"]
    assert "__file__" not in vars(sys.modules[MODULE])


def test_who_asks_for_more_gets_the_real_one(nothing_imported):
    spare_sharding()

    from torch.distributed.optim import DistributedOptimizer

    assert DistributedOptimizer.__module__.startswith(MODULE)
    assert vars(sys.modules[MODULE])["__file__"]


def test_who_names_it_by_its_package_finds_it(nothing_imported):
    spare_sharding()

    import torch.distributed.optim

    assert torch.distributed.optim.DistributedOptimizer.__module__.startswith(MODULE)


def test_what_is_imported_already_stays():
    import torch.distributed.optim

    before = sys.modules[MODULE]
    spare_sharding()

    assert sys.modules[MODULE] is before
    stand_in = vars(sharding)["ZeroRedundancyOptimizer"]
    assert torch.distributed.optim.ZeroRedundancyOptimizer is not stand_in
