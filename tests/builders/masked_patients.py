"""Patients with a bright ball in the body, stored with the SEG of it: what masks are learned of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import generate_uid

from inference.pipelines.types import Segment
from inference.results.seg import build_seg
from inference.results.types import Algorithm, ResultIdentity
from tests.builders.ct_series import AIR_HU, SOFT_HU, make_ct_series
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from archive.models import Project, Series

SHAPE = (16, 32, 32)
BALL = Segment(
    1,
    "Ball",
    ("49755003", "SCT", "Morphologically Abnormal Structure"),
    ("27925004", "SCT", "Nodule"),
    (1,),
)
_BALL_HU = 250


def ball_case(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a phantom in HU with a ball at another place for each number, and the ball's mask."""
    random = np.random.default_rng(number)
    z, y, x = np.mgrid[tuple(slice(0, side) for side in SHAPE)]
    hu = np.full(SHAPE, AIR_HU, dtype=np.int16)
    hu[((y - 16) / 13) ** 2 + ((x - 16) / 14) ** 2 < 1] = SOFT_HU
    centre = 8 + random.integers(-2, 3), 16 + random.integers(-5, 6), 16 + random.integers(-5, 6)
    # The slices lie two millimetres apart, the pixels one.
    apart = ((z - centre[0]) * 2) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    mask = apart < random.integers(5, 7) ** 2
    hu[mask] = _BALL_HU
    hu += random.integers(-20, 20, SHAPE).astype(np.int16)
    return hu, mask.astype(np.uint8)


def make_ball_series(number: int) -> tuple[list[Dataset], np.ndarray]:
    """Return a patient's CT series with a ball, and the ball's mask."""
    hu, mask = ball_case(number)
    datasets = make_ct_series(
        hu,
        PatientID=f"BALL-{number}",
        PatientSex="FM"[number % 2],
        PatientAge=f"{30 + 5 * (number % 8):03d}Y",
        Manufacturer="Acme",
        ManufacturerModelName=("One", "Two")[number // 2 % 2],
        BodyPartExamined="CHEST",
    )
    return datasets, mask


def seg_of(
    datasets: list[Dataset], mask: np.ndarray, *, by_person: bool = True, segment: Segment = BALL
) -> Dataset:
    """Return the SEG of a mask."""
    seg = build_seg(
        source_datasets=datasets,
        mask_zyx=mask,
        segments=(segment,),
        algorithm=Algorithm(name="reader", version="1", digest="0" * 64),
        identity=ResultIdentity(
            series_instance_uid=generate_uid(),
            sop_instance_uid=generate_uid(),
            series_number=900,
            series_description="ball",
            timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
    )
    if by_person:
        (item,) = seg.SegmentSequence
        item.SegmentAlgorithmType = "MANUAL"
        del item.SegmentAlgorithmName, item.SegmentationAlgorithmIdentificationSequence
    return seg


def make_masked_patients(project: Project, *, count: int = 8) -> list[Series]:
    """Store a series and the SEG of its ball for each patient; return the series."""
    made = []
    for number in range(count):
        datasets, mask = make_ball_series(number)
        stored = store_datasets(*datasets, seg_of(datasets, mask), project=project)
        made.append(stored[0].series)
    return made
