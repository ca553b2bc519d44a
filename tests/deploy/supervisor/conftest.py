"""Homes to start services in, and children to run."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.supervisor.child import ChildSpec
from deploy.supervisor.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """A home of our own, with a path short enough for sockets."""
    root = Path(tempfile.mkdtemp(prefix="tw-"))
    yield Home(root).prepare()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def python_spec(tmp_path: Path) -> Callable[..., ChildSpec]:
    """Describe a child that runs some lines of Python."""

    def make(code: str, *, name: str = "child", **options: Any) -> ChildSpec:
        argv = (sys.executable, "-c", code)
        return ChildSpec(name=name, argv=argv, log_file=tmp_path / f"{name}.log", **options)

    return make
