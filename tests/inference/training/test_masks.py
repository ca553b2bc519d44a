"""Dice and Hausdorff: of masks whose distance is known, and of segmentations in the archive."""

from __future__ import annotations

import datetime
import io

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference.pipelines.types import Segment
from inference.results.seg import build_seg
from inference.results.types import Algorithm, ResultIdentity
from inference.training.masks import evaluate_masks
from tests.builders.ct_series import make_ct_series
from tests.builders.stored import store_datasets

SHAPE = (10, 20, 20)


def ball(*corner: int) -> np.ndarray:
    """A cube of 6 voxels from that corner."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(start, start + 6) for start in corner)] = True
    return mask


def test_equal_masks_agree_fully():
    (row,) = evaluate_masks({"a": (ball(2, 2, 2), ball(2, 2, 2))}, (1.0, 1.0, 1.0))

    assert (row.dice, row.hausdorff_mm, row.hausdorff_95_mm) == (1.0, 0.0, 0.0)
    assert row.volume_ml == row.truth_ml == 0.216


def test_mask_beside_the_truth_is_as_far_as_it_was_moved():
    (row,) = evaluate_masks({"a": (ball(2, 2, 5), ball(2, 2, 2))}, (3.0, 1.0, 0.5))

    assert row.dice == pytest.approx(0.5)
    assert row.hausdorff_mm == pytest.approx(1.5)


def test_distance_between_slices_counts_in_mm():
    (row,) = evaluate_masks({"a": (ball(3, 2, 2), ball(2, 2, 2))}, (3.0, 1.0, 1.0))

    assert row.hausdorff_mm == pytest.approx(3.0)


def test_empty_masks_have_no_distance():
    empty = np.zeros(SHAPE, dtype=bool)

    rows = evaluate_masks({"a": (empty, empty), "b": (empty, ball(1, 1, 1))}, (1.0, 1.0, 1.0))

    assert [(row.dice, row.hausdorff_mm) for row in rows] == [(1.0, None), (0.0, None)]


def make_seg(sources, masks, number):
    """A SEG of the masks, by their names, on stored CT slices."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for value, mask in enumerate(masks.values(), start=1):
        labels[mask] = value
    tissue = ("85756007", "SCT", "Tissue")
    return build_seg(
        source_datasets=sources,
        mask_zyx=labels,
        segments=[
            Segment(value, name, tissue, tissue, (value,))
            for value, name in enumerate(masks, start=1)
        ],
        algorithm=Algorithm("test", "1", "ab" * 32),
        identity=ResultIdentity(
            series_instance_uid=f"2.25.10{number}",
            sop_instance_uid=f"2.25.20{number}",
            timestamp=datetime.datetime(2025, 1, 2, tzinfo=datetime.UTC),
        ),
    )


@pytest.mark.django_db
def test_stored_segmentations_are_compared_by_the_names_of_their_segments(project):
    sources = make_ct_series(np.zeros(SHAPE, dtype=np.int16), spacing_zyx=(3.0, 1.0, 0.5))
    judged = make_seg(sources, {"Other": ball(2, 12, 12), "Liver": ball(2, 2, 5)}, 1)
    truth = make_seg(sources, {"Liver": ball(2, 2, 2)}, 2)
    store_datasets(*sources, judged, truth, project=project)
    said = io.StringIO()

    call_command("evaluate_masks", judged.SOPInstanceUID, truth.SOPInstanceUID, stdout=said)

    (line,) = [one for one in said.getvalue().splitlines() if one.startswith("Liver")]
    assert line.split()[1:3] == ["0.500", "1.50"]
    assert "Other" not in said.getvalue()


@pytest.mark.django_db
def test_what_is_no_segmentation_is_said(project):
    (image,) = store_datasets(make_ct_series(np.zeros((1, 8, 8)))[0], project=project)

    with pytest.raises(CommandError, match="no segmentation"):
        call_command("evaluate_masks", image.sop_instance_uid, "1.2.3", stdout=io.StringIO())
