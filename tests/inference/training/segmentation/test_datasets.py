"""Which masks of the archive count, and where they lie on the images."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import highdicom as hd
import numpy as np
import pytest
from pydicom.uid import generate_uid

from archive.models import Instance, Series
from inference.pipelines.volumes import read_volume
from inference.results.seg import build_seg
from inference.results.types import Algorithm, ResultIdentity, SegmentationType
from inference.training.recipe import read_recipe
from inference.training.segmentation.datasets import read_masks
from inference.training.segmentation.stored_masks import segment_choices
from inference.training.segmentation.volumes import mask_on, read_masked
from tests.builders.datasets import as_part10
from tests.builders.masked_patients import BALL, make_ball_series, make_masked_patients, seg_of
from tests.builders.stored import store_datasets

RECIPE = read_recipe({"name": "balls", "segments": ["ball"]})


@pytest.fixture
def case():
    return make_ball_series(3)


@pytest.mark.parametrize("kind", list(SegmentationType))
@pytest.mark.parametrize("is_single", [False, True])
def test_mask_lies_where_it_was_drawn(case, kind, is_single):
    datasets, mask = case
    if is_single:
        middle = int(mask.any(axis=(1, 2)).argmax()) + 1
        mask = mask * (np.arange(len(mask)) == middle)[:, None, None].astype(np.uint8)
    seg = build_seg(
        source_datasets=datasets,
        mask_zyx=mask,
        segments=(BALL,),
        algorithm=Algorithm(name="reader", version="1", digest="0" * 64),
        identity=ResultIdentity(
            series_instance_uid=generate_uid(),
            sop_instance_uid=generate_uid(),
            timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        ),
        segmentation_type=kind,
    )
    read = hd.seg.segread(io.BytesIO(as_part10(seg)))

    found = mask_on(read_volume(datasets[::-1]), read, 1)

    assert np.array_equal(found, mask > 0)


@pytest.mark.django_db
def test_series_and_masks_are_read_on_one_grid(project):
    make_masked_patients(project, count=3)

    data = read_masks(RECIPE)
    found = read_masked(int(data.samples[0].key), data.masks[0])

    assert found.image.shape == found.labels.shape == (32, 32, 16)
    assert found.spacing_mm == (1.0, 1.0, 2.0)
    # The ball is brighter than all else.
    assert found.image[found.labels > 0].min() > found.image[found.labels == 0].max()
    assert data.labels == ("Ball",)
    assert data.structures[0].property_type == BALL.property_type
    assert data.samples[0].facts["scanner"].startswith("Acme")


@pytest.mark.django_db
def test_person_comes_before_model_and_rejected_masks_count_nowhere(project):
    make_masked_patients(project, count=3)
    datasets, mask = make_ball_series(7)
    first, newer, by_model = (
        seg_of(datasets, mask, by_person=by_person) for by_person in (True, True, False)
    )
    store_datasets(*datasets, first, newer, by_model, project=project)
    keys = {
        name: Instance.objects.get(sop_instance_uid=one.SOPInstanceUID)
        for name, one in {"first": first, "newer": newer, "model": by_model}.items()
    }
    series = Series.objects.get(series_instance_uid=datasets[0].SeriesInstanceUID)

    def chosen(**changes):
        data = read_masks(replace(RECIPE, **changes))
        rows = {one.key: found for one, found in zip(data.samples, data.masks, strict=True)}
        return rows[str(series.pk)][1][0]

    assert chosen() == keys["newer"].pk
    Series.objects.filter(pk=keys["newer"].series_id).update(withheld="rejected")
    assert chosen() == keys["first"].pk
    Series.objects.filter(pk=keys["first"].series_id).update(withheld="superseded")
    assert chosen() == keys["model"].pk


@pytest.mark.django_db
def test_form_is_offered_what_is_stored(project, archive_admin):
    make_masked_patients(project, count=2)
    datasets, mask = make_ball_series(9)
    liver = replace(BALL, label="Liver", property_type=("10200004", "SCT", "Liver"))
    store_datasets(*datasets, seg_of(datasets, mask, segment=liver), project=project)

    choices = segment_choices(archive_admin)

    assert [(one.label, one.code, one.number_of_series) for one in choices] == [
        ("Ball", "SCT:27925004", 2),
        ("Liver", "SCT:10200004", 1),
    ]
