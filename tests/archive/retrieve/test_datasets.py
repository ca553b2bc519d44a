from __future__ import annotations

import pytest

from archive.retrieve.datasets import load_dataset, open_instance

pytestmark = pytest.mark.django_db


def test_load_dataset_reads_the_whole_or_stops_before_pixels(instance):
    whole = load_dataset(instance)
    header = load_dataset(instance, stop_before_pixels=True)

    assert whole.SOPInstanceUID == header.SOPInstanceUID == instance.sop_instance_uid
    assert "PixelData" in whole
    assert "PixelData" not in header


def test_open_instance_gives_the_stored_bytes(instance):
    with open_instance(instance) as file:
        assert len(file.read()) == instance.blob.size_bytes
