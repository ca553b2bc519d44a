"""The package's build (PEP 517): catalogues are compiled before they are packed.

Named in `pyproject.toml` with this folder as its path, since `deploy` itself imports what a build
has not: so its neighbour is imported by its bare name.
"""

from __future__ import annotations

from typing import Any

from compiling import compile_catalogues  # type: ignore[import-not-found]
from setuptools import build_meta  # type: ignore[import-untyped]
from setuptools.build_meta import *  # type: ignore[import-untyped]  # noqa: F403


def build_wheel(*args: Any, **kwargs: Any) -> str:
    """Compile what is stale, and pack."""
    compile_catalogues()
    return str(build_meta.build_wheel(*args, **kwargs))


def build_editable(*args: Any, **kwargs: Any) -> str:
    """Compile what is stale, and link."""
    compile_catalogues()
    return str(build_meta.build_editable(*args, **kwargs))
