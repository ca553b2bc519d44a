import json

import numpy as np

from inference.pipelines.classification import LinearHead
from inference.training.export import export_head
from inference.training.heads import HeadReport
from inference.training.labelled_images import LabelledImage

REPORT = HeadReport(2, 2, 0.9, 1.0, 0.9, 0.8, {"CT/HEAD": 0.9, "MR/BRAIN": 0.7}, 1.5, 0.04, 0.08)


def test_export_head_round_trip(tmp_path):
    weights = np.random.default_rng(0).normal(size=(2, 384))
    head = LinearHead(("CT/HEAD", "MR/BRAIN"), weights, np.array([0.5, -0.5]), 1.5, "0.1.0")
    images = [LabelledImage(tmp_path, "x", "CT", "HEAD", "p", "CC BY 4.0", "Some hospital")]

    export_head(head, REPORT, images, tmp_path / "bundle", notes="## About\nTaken on Mondays.")

    again = LinearHead.load(tmp_path / "bundle")
    assert again.labels == head.labels
    assert np.allclose(again.weights, weights, atol=1e-6)
    assert (again.temperature, again.version) == (1.5, "0.1.0")
    metadata = json.loads((tmp_path / "bundle" / "configs" / "metadata.json").read_text())
    for key in ("version", "monai_version", "task", "network_data_format", "copyright"):
        assert metadata[key]
    card = (tmp_path / "bundle" / "docs" / "model_card.md").read_text()
    assert "| Some hospital | CC BY 4.0 | 1 |" in card
    assert "0.900" in card
    assert card.endswith("\n## About\nTaken on Mondays.\n")
    assert metadata["data_source"] == "Some hospital"
    assert "{" not in card
