"""A small archive whose labels are known and whose vectors mostly agree with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.models import Label
from tests.builders.vectors import DIMENSION, make_case
from tests.factories.archive import PatientFactory

if TYPE_CHECKING:
    from archive.models import Project, Series
    from inference.models import EmbeddingSpace

LABELS = ("nodule", "effusion", "normal")
SCANNERS = (("Acme", "One"), ("Acme", "Two"), ("Bolt", "X"))


def make_labelled_world(
    space: EmbeddingSpace,
    project: Project,
    *,
    patients: int = 24,
    label_set: str = "finding",
    spread: float = 0.25,
    seed: int = 0,
    modality: str = "CT",
) -> list[Series]:
    """Return one series of one image a patient, labelled on its study.

    The labels take turns, and so do three scanners, two sexes and three ages; the vector is the
    label's direction with noise.
    """
    rng = np.random.default_rng(seed)
    made = []
    for number in range(patients):
        kind = number % len(LABELS)
        manufacturer, model = SCANNERS[(number // 3) % len(SCANNERS)]
        centre = np.zeros(DIMENSION)
        centre[kind] = 1
        series = make_case(
            space,
            [(centre + spread * rng.normal(size=DIMENSION)).astype(np.float32)],
            projects=[project],
            patient=PatientFactory(patient_sex="FM"[number % 2]),
            study={"patient_age": f"{(15, 45, 70)[number % 3]:03d}Y"},
            modality=modality,
            body_part_examined="CHEST" if number % 4 else "HEAD",
            manufacturer=manufacturer,
            manufacturer_model_name=model,
        )
        Label.objects.create(study=series.study, label_set=label_set, label=LABELS[kind])
        made.append(series)
    return made
