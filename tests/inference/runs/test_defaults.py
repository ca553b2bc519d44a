from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from inference.models import EmbeddingSpace, ModelVersion
from inference.runs.defaults import are_defaults_installed, install_defaults
from inference.similarity.spaces.registry import register_space

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def models_dir(
    settings: SettingsWrapper, tmp_path: Path, embedder_path: Path, levels_path: Path
) -> Path:
    """A folder that has both exported embedders."""
    for path in (embedder_path, levels_path):
        shutil.copy(path, tmp_path)
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    return tmp_path


def states() -> dict[str, tuple[str, bool]]:
    """State of each learned space, and whether it is the default one."""
    rows = EmbeddingSpace.objects.filter(name__startswith="lite0")
    return {row.name: (row.state, row.is_default) for row in rows}


def test_a_fresh_archive_searches_several_levels() -> None:
    install_defaults()

    assert states() == {"lite0-ml-v1": ("ready", True), "lite0-b12-v1": ("ready", False)}
    space = EmbeddingSpace.objects.select_related("model_version").get(is_default=True)
    assert sum(space.model_version.config["blocks"]) == space.dimension == 768


def test_installing_again_changes_nothing() -> None:
    install_defaults()
    before = states(), ModelVersion.objects.count()

    install_defaults()

    assert (states(), ModelVersion.objects.count()) == before
    assert are_defaults_installed()


def test_every_default_model_has_a_card_also_where_it_was_registered_without() -> None:
    install_defaults()
    ModelVersion.objects.filter(name="ct-body-bone-lung").update(card="")
    assert not are_defaults_installed()

    install_defaults()

    cards = dict(ModelVersion.objects.exclude(pipeline="descriptor").values_list("name", "card"))
    assert "Not for diagnostic use" in cards["ct-body-bone-lung"]
    assert all(cards.values()), cards
    assert are_defaults_installed()


def test_an_archive_with_a_default_space_keeps_it() -> None:
    version = ModelVersion.objects.create(name="lite0-b12-v1", version="1", task="embed")
    register_space(version, dimension=384, name="lite0-b12-v1", is_default=True)

    install_defaults()

    assert states() == {"lite0-b12-v1": ("ready", True), "lite0-ml-v1": ("registered", False)}


def test_a_missing_embedder_is_noticed(models_dir: Path, levels_path: Path) -> None:
    install_defaults()
    (models_dir / levels_path.name).unlink()

    assert not are_defaults_installed()
