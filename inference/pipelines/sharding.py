"""Torch's sharded optimizers, imported where somebody asks for them and not with MONAI."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_MODULE = "torch.distributed.optim"


class ZeroRedundancyOptimizer:
    """What no optimizer of one process is an instance of."""


class _Later(ModuleType):
    """Stands for the module until anything else in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_MODULE) is self:
            del sys.modules[_MODULE]
        return getattr(import_module(_MODULE), name)


def spare_sharding() -> None:
    """Let MONAI be imported without what trains one network on many machines.

    The engines that MONAI runs on come with checkpoints, which ask of what they save whether it is
    a sharded optimizer; that brings along a fifth of all that MONAI imports, more than a second of
    every start. Whoever asks for anything else in torch's module gets the real one.
    """
    if _MODULE not in sys.modules:
        later = _Later(_MODULE)
        vars(later)["ZeroRedundancyOptimizer"] = ZeroRedundancyOptimizer
        sys.modules[_MODULE] = later
        # Where an import looks it up, and where a dotted name does.
        package, _, name = _MODULE.rpartition(".")
        setattr(import_module(package), name, later)
