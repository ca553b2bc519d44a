"""The pages of training: what they say, what their buttons do, and whom they answer."""

from __future__ import annotations

import pytest

from inference.models import Label, ModelVersion, TrainingRun
from tests.builders.masked_patients import make_masked_patients
from tests.factories.archive import SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db

PAGE = "/training/"
FORM = {
    "name": "chest-mass",
    "label_set": "finding",
    "backbone": "lite0",
    "way": "frozen",
    "augmentation": ["flip", "noise"],
    "has_class_weights": "on",
    "epochs": "12",
    "learning_rate": "0.01",
}
FIGURE = [0.8, 0.7, 0.9]
METRICS = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "macro_auc"), FIGURE),
    "labels": ["mass", "none"],
    "confusion": [[8, 2], [1, 9]],
    "classes": [
        {"label": one, "support": 10, "precision": FIGURE, "recall": FIGURE}
        | {"f1": FIGURE, "auc": [None, None, None]}
        for one in ("mass", "none")
    ],
    "calibration": {"ece": 0.04, "brier": 0.2, "bins": []},
    "temperature": 1.0,
    "cases": 20,
    "patients": 18,
    "export": {"onnx": 1e-7, "torchscript": 0.0},
    "warnings": ["Does worse where scanner is Bolt X."],
    "subgroups": {
        "sex": [
            {"group": "F", "cases": 10, "accuracy": FIGURE, "macro_auc": FIGURE}
            | {"difference": [-0.2, -0.3, -0.1], "is_worse": True}
        ]
    },
}


@pytest.fixture
def labelled(project):
    series = SeriesFactory(study=StudyFactory(projects=[project]))
    return Label.objects.create(study=series.study, label_set="finding", label="mass")


@pytest.fixture
def admin(client, archive_admin, settings, tmp_path):
    settings.TWINSIGHT_MODELS_DIR = tmp_path
    client.force_login(archive_admin)
    return client


def text_of(response):
    return response.content.decode()


def make_training(**values):
    recipe = {"name": "chest-mass", "label_set": "finding", "backbone": "lite0"}
    return TrainingRun.objects.create(name="chest-mass", recipe=recipe, **values)


def test_form_queues_a_training(admin, labelled):
    answer = admin.post(f"{PAGE}new/", FORM, follow=True)

    training = TrainingRun.objects.get()
    assert training.state == TrainingRun.State.QUEUED
    assert training.recipe["epochs"] == 12
    assert training.recipe["augmentation"] == ["flip", "noise"]
    assert training.recipe["has_class_weights"] is True
    assert "The next worker that is free takes it." in text_of(answer)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "No Spaces"}, "small letters"),
        ({"label_set": "unheard"}, "no labels in a set"),
        ({"backbone": "alexnet"}, "A backbone is one of"),
        ({"epochs": "0"}, "epochs lies between"),
        ({"epochs": "many"}, "Enter a whole number"),
        ({"backbone": "model:unheard"}, "no model"),
    ],
)
def test_form_says_what_is_wrong(admin, labelled, values, words):
    assert words in text_of(admin.post(f"{PAGE}new/", FORM | values, follow=True))
    assert not TrainingRun.objects.exists()


def test_list_shows_trainings_and_what_can_be_learned(admin, labelled):
    make_training(state="running", progress={"stage": "learning", "epoch": 3, "epochs": 10})

    text = text_of(admin.get(PAGE))

    assert "epoch 3 of 10" in text
    assert "finding (1 labels, 1 studies)" in text
    assert "every 4s" in text


def test_progress_is_asked_for_until_the_end(admin):
    rows = [
        {"epoch": n, "loss": 1 / n, "validation_loss": 1.5 / n, "validation_accuracy": 0.5}
        for n in (1, 2)
    ]
    progress = {"stage": "learning", "epoch": 2, "epochs": 4, "history": rows}
    training = make_training(state="running", progress=progress)

    text = text_of(admin.get(f"{PAGE}{training.pk}/live/"))
    assert "50 %" in text
    assert "polyline" in text

    TrainingRun.objects.update(state="failed", message="Too few labels.")
    answer = admin.get(f"{PAGE}{training.pk}/live/")
    assert answer.status_code == 286
    assert answer["HX-Refresh"] == "true"


def test_page_shows_figures_warnings_and_card_and_promotes(admin):
    version = ModelVersionFactory(
        name="chest-mass", state="draft", card="# chest-mass", checks={"passed": True}
    )
    training = make_training(state="succeeded", metrics=METRICS, model_version=version)

    text = text_of(admin.get(f"{PAGE}{training.pk}/"))

    assert "Does worse where scanner is Bolt X." in text
    assert "0.800" in text
    assert "0.70 to 0.90" in text
    assert "# chest-mass" in text
    admin.post(f"{PAGE}{training.pk}/promote/")
    assert ModelVersion.objects.get().state == "active"


def test_training_is_cancelled_resumed_and_removed(admin):
    training = make_training()

    admin.post(f"{PAGE}{training.pk}/cancel/")
    assert TrainingRun.objects.get().state == "cancelled"
    admin.post(f"{PAGE}{training.pk}/resume/")
    assert TrainingRun.objects.get().state == "queued"
    assert "Cancel the training first." in text_of(
        admin.post(f"{PAGE}{training.pk}/remove/", follow=True)
    )
    admin.post(f"{PAGE}{training.pk}/cancel/")
    admin.post(f"{PAGE}{training.pk}/remove/")
    assert not TrainingRun.objects.exists()


MASK_FORM = {
    "name": "ball-masks",
    "segments": "Ball, SCT:39607008",
    "masks_by": "people",
    "augmentation": ["flip"],
    "epochs": "7",
    "patch_side": "32",
}
MASK_METRICS = {
    "task": "segment",
    "labels": ["Ball"],
    "cases": 4,
    "patients": 4,
    "mean_dice": FIGURE,
    "mean_hausdorff_95_mm": [3.5, 2.0, 5.0],
    "classes": [
        {"label": "Ball", "support": 4, "missed": 1, "invented": 0, "dice": FIGURE}
        | {"hausdorff_95_mm": [3.5, 2.0, 5.0], "volume_difference_ml": [None, None, None]}
    ],
    "subgroups": {
        "sex": [
            {"group": "F", "cases": 4, "dice": FIGURE, "hausdorff_95_mm": FIGURE}
            | {"difference": [-0.2, -0.3, -0.1], "is_worse": True}
        ]
    },
    "warnings": ["Does worse where sex is F."],
    "export": {"onnx": 1e-7, "torchscript": 0.0},
}


def test_form_for_masks_offers_stored_segments_and_queues_a_training(admin, project):
    make_masked_patients(project, count=2)

    text = text_of(admin.get(PAGE))
    assert "New training of masks" in text
    assert '<option value="Ball"> SCT:27925004, on 2 series </option>' in " ".join(text.split())
    admin.post(f"{PAGE}new-masks/", MASK_FORM, follow=True)

    recipe = TrainingRun.objects.get().recipe
    assert recipe["segments"] == ["Ball", "SCT:39607008"]
    assert (recipe["backbone"], recipe["masks_by"], recipe["epochs"]) == ("unet", "people", 7)
    assert (recipe["patch_side"], recipe["batch_size"], recipe["is_frozen"]) == (32, 4, False)
    assert "masks of Ball, SCT:39607008" in text_of(admin.get(PAGE))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"segments": " , "}, "Name a set of labels"),
        ({"patch_side": "20"}, "multiple of 8"),
        ({"masks_by": "nobody"}, "Masks by"),
        ({"width": "1"}, "width lies between"),
    ],
)
def test_form_for_masks_says_what_is_wrong(admin, values, words):
    assert words in text_of(admin.post(f"{PAGE}new-masks/", MASK_FORM | values, follow=True))
    assert not TrainingRun.objects.exists()


def test_page_of_masks_shows_dice_distance_and_groups(admin):
    training = make_training(state="succeeded", metrics=MASK_METRICS)

    text = text_of(admin.get(f"{PAGE}{training.pk}/"))

    assert "Hausdorff 95 %, mm" in text
    assert "2.00 to 5.00" in text
    assert "Does worse where sex is F." in text
    assert "Dice 0.800" in text_of(admin.get(PAGE))


def test_only_admins_of_the_whole_archive_train(client, radiologist, labelled):
    client.force_login(radiologist)
    training = make_training()

    assert client.get(PAGE).status_code == 403
    assert client.get(f"{PAGE}{training.pk}/").status_code == 403
    assert client.post(f"{PAGE}new/", FORM).status_code == 403
    assert client.post(f"{PAGE}new-masks/", MASK_FORM).status_code == 403
    assert client.post(f"{PAGE}{training.pk}/cancel/").status_code == 403
    assert TrainingRun.objects.get().state == "queued"
