"""The research-only finding heads of the distribution: on what they are trained, what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.training.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from inference.pipelines.types import CodeTriple

_NORMAL = ("17621005", "SCT", "Normal")


@dataclass(frozen=True)
class FindingHead:
    """One head.

    Attributes
    ----------
    name, group : of the model; of the images in ``labels.csv``
    description : one sentence
    codes : of its labels
    inputs : what it may run on
    hides : what its figures hide, for the end of the card
    """

    name: str
    group: str
    description: str
    codes: dict[str, CodeTriple]
    inputs: dict[str, Any]
    hides: str

    def recipe(self, data_dir: Path) -> Recipe:
        """Return how it is trained, from a folder of labelled images."""
        return Recipe(
            name=self.name,
            folder=str(data_dir),
            group=self.group,
            description=self.description,
            epochs=300,
            patience=60,
            validation_share=0.1,
            weight_decay=0.1,
            folds=5,
        )


_ANYWHERE = (
    "The intervals above are of patients of the same sources. Another hospital's images differ in"
    " device, processing and patients; expect less there, and measure it before use."
)
FINDING_HEADS = (
    FindingHead(
        name="finding-cxr",
        group="cxr",
        description="Chest radiograph: pneumonia, COVID-19 or no finding. Research only.",
        codes={
            "covid19": ("840539006", "SCT", "COVID-19"),
            "no_finding": _NORMAL,
            "pneumonia": ("233604007", "SCT", "Pneumonia"),
        },
        inputs={
            "modalities": ["CR", "DX"],
            "body_parts": ["CHEST", "THORAX", "LUNG"],
            "accept_unknown": ["body_parts"],
        },
        hides=(
            "Every COVID-19 image comes from one hospital and every other image from another, so"
            " that class is told by the hospital's marks as much as by the lungs: its AUC says"
            " nothing of COVID-19. The honest figure is the one of the NIH images alone in the"
            " table by source, pneumonia against no finding. A head of the same kind, fitted on"
            " these images and judged on other NIH images, had an AUC of 0.73 there (measured"
            " before, not by this command). Labels of that source were read from reports by a"
            " program and are wrong in some cases."
        ),
    ),
    FindingHead(
        name="finding-brain-mr",
        group="brain",
        description="Brain MR: glioma, meningioma, pituitary tumour or none. Research only.",
        codes={
            "glioma": ("393564001", "SCT", "Glioma"),
            "meningioma": ("302820008", "SCT", "Intracranial meningioma"),
            "notumor": _NORMAL,
            "pituitary": ("127024001", "SCT", "Neoplasm of pituitary gland"),
        },
        inputs={"modalities": ["MR"], "body_parts": ["BRAIN", "HEAD", "SKULL"]},
        hides=(
            "The source gives no patients and holds several slices of each, so slices of one"
            " patient stand on both sides of the split: the figures are too high, by how much is"
            " unknown. On other images of the same collection a head of the same kind had an AUC"
            " of 0.94 (measured before, not by this command). The images without tumour come from"
            " another collection than those with one. It was made for single T1 slices with"
            " contrast through the tumour; of a whole series it answers by the mean of all"
            " slices, most of which show none."
        ),
    ),
    FindingHead(
        name="finding-breast-us",
        group="us",
        description="Breast ultrasound: benign, malignant or normal. Research only.",
        codes={
            "benign": ("30807003", "SCT", "Benign"),
            "malignant": ("254837009", "SCT", "Malignant neoplasm of breast"),
            "normal": ("290084006", "SCT", "Breast normal"),
        },
        inputs={"modalities": ["US"], "body_parts": ["BREAST"]},
        hides=(
            "The source gives no patients and holds several images of some, so images of one"
            " patient may stand on both sides of the split: the figures are too high. On other"
            " images of the same collection a head of the same kind had an AUC of 0.85 and named"
            " 65 of 100 rightly (measured before, not by this command). All come"
            " from one hospital and two devices; some carry marks of the reader."
        ),
    ),
)


def find_head(name: str) -> FindingHead | None:
    """Return the head of that name, if it is one of the distribution's."""
    return next((one for one in FINDING_HEADS if one.name == name), None)


def notes_of(head: FindingHead) -> str:
    """Return the end of a head's card: what its figures hide."""
    return f"## What the figures hide\n\n{head.hides}\n\n{_ANYWHERE}"
