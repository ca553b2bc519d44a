"""By sex, age and scanner, on the labelled phantoms; and a warning where one scanner is worse."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from deploy.demo.cohort import true_labels, visits
from deploy.demo.datasets import visit_files
from inference.models import TrainingRun
from inference.training.fitting import fit_training
from inference.training.labelling import NewLabel, import_labels
from inference.training.services import claim_training, request_training
from tests.builders.stored import store_bytes
from tests.builders.striped_patients import make_striped_patients

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

OPERATOR = Asker(door="command", name="test")


@pytest.fixture(autouse=True)
def models_dir(settings, tmp_path, embedder_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / embedder_path.name).write_bytes(embedder_path.read_bytes())
    settings.TWINSIGHT_MODELS_DIR = folder


def train(label_set: str) -> TrainingRun:
    values = {"name": "groups", "label_set": label_set, "folds": 2, "epochs": 40, "variants": 1}
    training = request_training(OPERATOR, values | {"learning_rate": 0.01, "batch_size": 8})
    claimed = claim_training(training.pk)
    assert claimed is not None
    fit_training(claimed)
    training.refresh_from_db()
    assert training.state == TrainingRun.State.SUCCEEDED, training.message
    return training


def test_phantoms_are_judged_by_sex_age_and_scanner(project):
    films = [visit for visit in visits() if visit.kind.endswith("film")]
    store_bytes(*(file.content for visit in films for file in visit_files(visit)), project=project)
    uids = {visit.study_instance_uid for visit in films}
    import_labels(
        asker=OPERATOR,
        labels=[
            NewLabel(study=one.study_instance_uid, label_set="body part", label=one.label)
            for one in true_labels()
            if one.label_set == "body part" and one.study_instance_uid in uids
        ],
    )

    metrics = train("body part").metrics

    assert metrics["accuracy"][0] > 0.9
    groups = {
        fact: {row["group"]: row["cases"] for row in rows}
        for fact, rows in metrics["subgroups"].items()
    }
    assert set(groups) == {"sex", "age_group", "scanner"}
    assert {"F", "M"} <= set(groups["sex"])
    assert len(groups["scanner"]) > 1
    assert all(sum(rows.values()) == metrics["cases"] for rows in groups.values())


def test_scanner_that_sees_nothing_is_warned_of(project):
    make_striped_patients(project, count=60, blind_scanner="Two")

    training = train("stripes")

    rows = {row["group"]: row for row in training.metrics["subgroups"]["scanner"]}
    assert rows["Acme Two"]["is_worse"]
    assert not rows["Acme One"]["is_worse"]
    (warning,) = [one for one in training.metrics["warnings"] if "scanner" in one]
    assert "Acme Two" in warning
    assert training.model_version is not None
    assert f"**Warning:** {warning}" in training.model_version.card
