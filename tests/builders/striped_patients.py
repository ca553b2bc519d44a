"""Patients whose images are easy to tell apart, stored and labelled: what a training needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.models import Label
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from archive.models import Instance, Project

ACROSS, DOWN = "across", "down"
SIDE = 48


def make_striped_patients(
    project: Project,
    *,
    count: int = 24,
    label_set: str = "stripes",
    blind_scanner: str = "",
    **attributes: Any,
) -> list[Instance]:
    """Store one image a patient: stripes across or down, in turn, by two scanners and sexes.

    A blind scanner makes noise of everything.
    """
    random = np.random.default_rng(5)
    datasets = []
    for number in range(count):
        stripes = np.tile(np.repeat([40, 220], 4), SIDE // 8)
        image = np.tile(stripes, (SIDE, 1)) + random.integers(-20, 20, (SIDE, SIDE))
        image = image if number % 2 else image.T
        scanner = ("One", "Two")[number // 3 % 2]
        if scanner == blind_scanner:
            image = random.integers(0, 255, (SIDE, SIDE))
        datasets.append(
            make_dataset(
                PatientID=f"STRIPES-{number}",
                PatientSex="FM"[number // 2 % 2],
                PatientAge=f"{30 + 5 * (number % 8):03d}Y",
                Manufacturer="Acme",
                ManufacturerModelName=scanner,
                Rows=SIDE,
                Columns=SIDE,
                WindowCenter=-896,
                WindowWidth=256,
                PixelData=np.clip(image, 0, 255).astype("<i2").tobytes(),
                **attributes,
            )
        )
    instances = store_datasets(*datasets, project=project)
    for number, instance in enumerate(instances):
        label = DOWN if number % 2 else ACROSS
        Label.objects.create(study=instance.series.study, label_set=label_set, label=label)
    return instances
