"""What the models that come with the program say of themselves is known to translators."""

import json
from pathlib import Path

import pytest
from django.utils.translation import override

from archive.portal.sayings import say_again
from inference import bundles
from inference.portal.model_terms import DESCRIPTIONS, INTENDED_USES
from inference.runs.defaults import DEFAULTS
from inference.runs.finding_heads import DETECTOR, NAMES, folder_of

DATA = Path(bundles.__file__).parent / "data"


def _of_files(key: str, folders: list[Path]) -> set[str]:
    paths = [folder / "configs" / "metadata.json" for folder in folders]
    return {json.loads(path.read_text(encoding="utf-8"))[key] for path in paths}


def test_every_description_of_the_distribution_is_known() -> None:
    own = {model.description for model in DEFAULTS}
    own |= _of_files("description", [folder_of(name) for name in (*NAMES, DETECTOR)])

    assert own == set(DESCRIPTIONS)


def test_every_intended_use_of_the_distribution_is_known() -> None:
    folders = [path.parent.parent for path in DATA.glob("*/configs/metadata.json")]

    assert _of_files("intended_use", folders) == set(INTENDED_USES)


@pytest.mark.parametrize("language", ["de", "es", "zh-hans"])
def test_they_are_said_again_in_the_readers_language(language: str) -> None:
    with override(language):
        assert [one for one in (*DESCRIPTIONS, *INTENDED_USES) if say_again(one) == one] == []
        assert say_again("Finds pneumonia.") == "Finds pneumonia."
