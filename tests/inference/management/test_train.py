import io
import shutil

import pytest
from django.core.management import CommandError, call_command

from inference.pipelines.classification import LinearHead
from tests.builders.labelled_images import make_striped_set


@pytest.fixture
def models_dir(settings, tmp_path, embedder_path):
    """The models folder of an installation that has the embedder already."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(embedder_path, folder)
    settings.TWINSIGHT_MODELS_DIR = folder
    return folder


def test_train_writes_the_bundle_into_the_models_folder(models_dir, tmp_path):
    said = io.StringIO()
    call_command("train", "modality_body_part", make_striped_set(tmp_path), stdout=said)
    head = LinearHead.load(models_dir / "modality_body_part")
    assert head.labels == ("CT/CHEST", "MR/BRAIN")
    assert "held-out accuracy 1.000" in said.getvalue()


def test_train_on_a_folder_without_labels_says_so(models_dir, tmp_path):
    with pytest.raises(CommandError, match=r"labels\.csv"):
        call_command("train", "modality_body_part", tmp_path, stdout=io.StringIO())
