import io
import shutil

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference.models import EmbeddingSpace, Label, TrainingRun
from inference.pipelines.classification import LinearHead
from tests.builders.labelled_images import make_striped_set
from tests.builders.vectors import make_case, make_space


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


@pytest.mark.django_db
def test_train_fits_a_space_to_the_labels():
    rng = np.random.default_rng(3)
    space = make_space()
    for axis, label in enumerate(("mass", "none")):
        for _ in range(5):
            vector = rng.normal(size=8)
            vector[axis] += 2
            series = make_case(space, [vector], projects=[])
            Label.objects.create(study=series.study, label_set="finding", label=label)
    said = io.StringIO()

    call_command("train", "--adapt", "--space", space.name, "--label-set", "finding", stdout=said)
    call_command("train", "--pca", "3", stdout=said)

    assert f"{space.name}-lda-1 fitted on 10 images" in said.getvalue()
    assert f"{space.name}-pca-1 fitted on 10 images" in said.getvalue()
    assert EmbeddingSpace.objects.filter(base_space=space, state="filling").count() == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [([], "Name a head"), (["--adapt"], "--adapt needs --label-set")],
)
def test_train_without_its_arguments_says_which(arguments, why):
    with pytest.raises(CommandError, match=why):
        call_command("train", *arguments, stdout=io.StringIO())


@pytest.mark.django_db
def test_train_queues_a_training_on_masks(models_dir):
    options = ["--segment", "Liver", "--segment", "SCT:78961009", "--masks-by", "people"]

    call_command("train", "organs", *options, "--width", "4", "--queue", stdout=io.StringIO())

    recipe = TrainingRun.objects.get().recipe
    assert recipe["segments"] == ["Liver", "SCT:78961009"]
    assert (recipe["backbone"], recipe["masks_by"], recipe["width"]) == ("unet", "people", 4)


def test_train_on_masks_takes_no_output(tmp_path):
    with pytest.raises(CommandError, match="takes no --output"):
        call_command("train", "organs", "--segment", "Liver", "--output", str(tmp_path / "b"))
