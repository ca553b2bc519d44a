"""Write a trained head as a bundle: MONAI's metadata, weights without pickle, a model card."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.pipelines.classification import HEADER_TRUST, LinearHead
from inference.pipelines.embedding import DIMENSION, SPACE_NAME
from inference.training.augmentation import FITTED, UNSEEN
from inference.training.labelled_images import LabelledImage

if TYPE_CHECKING:
    from inference.training.heads import HeadReport

NAME = "modality_body_part"
_CARD = Path(__file__).with_name("model_card.md.txt")
_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


def export_head(
    head: LinearHead,
    report: "HeadReport",
    images: Sequence[LabelledImage],
    bundle_dir: Path,
    *,
    notes: str = "",
) -> None:
    """Write the bundle's folder; what is there under the same names is replaced as a whole.

    `notes` is Markdown about the data set, put at the end of the model card.
    """
    for folder in ("configs", "models", "docs"):
        shutil.rmtree(bundle_dir / folder, ignore_errors=True)
        (bundle_dir / folder).mkdir(parents=True)
    metadata = json.dumps(_metadata(head, report, images), indent=1, ensure_ascii=False) + "\n"
    (bundle_dir / "configs" / "metadata.json").write_text(metadata, encoding="utf-8")
    np.savez(
        bundle_dir / "models" / "head.npz",
        weights=head.weights.astype(np.float32),
        bias=head.bias.astype(np.float32),
        temperature=np.float32(head.temperature),
    )
    card = _model_card(head, report, images, notes)
    (bundle_dir / "docs" / "model_card.md").write_text(card, encoding="utf-8")


def _metadata(
    head: LinearHead, report: "HeadReport", images: Sequence[LabelledImage]
) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "version": head.version,
        "changelog": {head.version: "first version"},
        "monai_version": "1.6.1",
        "pytorch_version": "2.13.0",
        "numpy_version": installed_version("numpy"),
        "required_packages_version": {"onnxruntime": installed_version("onnxruntime")},
        "name": NAME,
        "task": "Modality and body part of an image",
        "description": "Multinomial logistic regression on the embedding " + SPACE_NAME,
        "authors": "Twinsight",
        "copyright": "Weights: Apache-2.0. Training images: see docs/model_card.md",
        "data_source": "; ".join(sorted({image.source for image in images})),
        "data_type": "embedding",
        "intended_use": "sorting and search in an archive; not for diagnosis",
        "embedding_space": SPACE_NAME,
        "eval_metrics": {
            "held_out_accuracy": round(report.accuracy, 4),
            "held_out_modality_accuracy": round(report.modality_accuracy, 4),
            "held_out_body_part_accuracy": round(report.body_part_accuracy, 4),
            "held_out_shifted_accuracy": round(report.shifted_accuracy, 4),
            "expected_calibration_error": round(report.calibration_error, 4),
        },
        "network_data_format": {
            "inputs": {
                "vector": {
                    "type": "latent",
                    "format": "embedding",
                    "num_channels": DIMENSION,
                    "spatial_shape": [],
                    "dtype": "float32",
                    "value_range": [-1, 1],
                    "is_patch_data": False,
                    "channel_def": {},
                }
            },
            "outputs": {
                "pred": {
                    "type": "probabilities",
                    "format": "classes",
                    "num_channels": len(head.labels),
                    "spatial_shape": [],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": {str(i): label for i, label in enumerate(head.labels)},
                }
            },
        },
    }


def _model_card(
    head: LinearHead, report: "HeadReport", images: Sequence[LabelledImage], notes: str
) -> str:
    sources = Counter((image.source, image.licence) for image in images)
    source_rows = [
        f"| {source} | {licence} | {count} |"
        for (source, licence), count in sorted(sources.items())
    ]
    counts = Counter(image.pair for image in images)
    recall_rows = [
        f"| {label} | {counts[label]} | {share:.3f} |" for label, share in report.recall.items()
    ]
    return _CARD.read_text(encoding="utf-8").format(
        version=head.version,
        space=SPACE_NAME,
        header_trust=round(HEADER_TRUST * 100),
        report=report,
        notes=f"\n{notes.strip()}\n" if notes.strip() else "",
        variants=len(FITTED) + len(UNSEEN),
        sources="\n".join(source_rows),
        recall="\n".join(recall_rows),
    )
