"""The bench of inference: what its ratios mean, and the series and network that it makes."""

import io

import numpy as np
import pydicom
import pytest
import torch

from bench.inference import Compared
from bench.inference_network import (
    SEGMENTS,
    Levelled,
    make_network,
    phantom,
    scaled,
    series_files,
)
from inference.pipelines.volumes import read_volume


def test_ratio_of_a_lower_bound_is_our_speed_against_bare_work():
    found = Compared("x", ours_s=[2.0, 1.0, 4.0], bare_s=[2.0, 2.0, 2.0], least=0.8)
    assert found.ratios == [1.0, 2.0, 0.5]
    assert found.is_reached
    assert "1.00 (0.50-2.00) | >= 0.8 | reached" in found.row()


def test_ratio_of_an_upper_bound_is_our_time_against_bare_work():
    found = Compared("x", ours_s=[2.8], bare_s=[2.0], most=1.3)
    assert found.ratios == [1.4]
    assert "**missed**" in found.row()
    reached = [Compared("x", ours_s=[ours], bare_s=[2.0], most=1.3).is_reached for ours in (2.8, 2)]
    assert reached == [False, True]


def test_work_of_many_images_is_shown_as_a_rate():
    row = Compared("x", ours_s=[2.0], bare_s=[4.0], least=0.8, per_round=48).row()
    assert "| 24.0/s | 12.0/s |" in row


def test_series_is_one_volume_and_another_number_another_patient():
    files = series_files((4, 16, 16), 1)
    datasets = [pydicom.dcmread(io.BytesIO(content)) for content in files]  # noqa: TID251 the bench's own
    volume = read_volume(datasets[::-1])
    assert np.array_equal(volume.array_zyx, phantom((4, 16, 16), 1))
    assert list(volume.spacing_mm_zyx) == [3.0, 1.0, 1.0]
    (other, *_) = series_files((4, 16, 16), 2)
    assert pydicom.dcmread(io.BytesIO(other)).PatientID != datasets[0].PatientID  # noqa: TID251 as above


@pytest.mark.slow
def test_each_class_of_the_network_gets_a_part_of_the_image():
    network = make_network()
    assert isinstance(network, Levelled)
    image = torch.from_numpy(scaled(phantom((32, 64, 64))))[None, None]
    with torch.inference_mode():
        labels = network(image).argmax(dim=1)
    assert {segment.number for segment in SEGMENTS} <= set(labels.unique().tolist())
