from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from deploy.demo.cohort import CHEST_CT, Visit, visits
from deploy.demo.noise import Image
from deploy.demo.pictures import Series, series_of


def chest(finding: str) -> Series:
    return series_of(next(v for v in visits() if v.kind == CHEST_CT and v.finding == finding))[0]


def volume(series: Series) -> Image:
    return np.stack([series.picture(z) for z in series.heights_mm])


def lungs_ml(series: Series, volume_zyx: Image) -> list[float]:
    """Volumes of the air-filled parts inside the body, largest first."""
    air = volume_zyx < -500
    parts, count = ndimage.label(air, np.ones((3, 3, 3)))
    border = set(np.unique(parts[:, 0])) | set(np.unique(parts[:, :, 0]))
    step = series.heights_mm[0] - series.heights_mm[1]
    voxel_ml = series.grid.pixel_mm**2 * step / 1000
    sizes = ndimage.sum_labels(air, parts, range(1, count + 1)) * voxel_ml
    kept = [s for i, s in enumerate(sizes, start=1) if i not in border]
    return sorted(kept, reverse=True)


@pytest.mark.parametrize("finding", ["no finding", "emphysema", "lung nodule"])
def test_a_chest_has_two_separate_lungs_of_real_size(finding: str) -> None:
    series = chest(finding)
    sizes = lungs_ml(series, volume(series))
    assert 600 < sizes[0] < 4000
    assert 600 < sizes[1] < 4000
    assert sum(sizes[2:]) < 200


@pytest.mark.parametrize("number", range(0, len(visits()), 5))
def test_a_picture_covers_its_grid_with_finite_values(number: int) -> None:
    visit: Visit = visits()[number]
    for series in series_of(visit):
        middle = series.heights_mm[len(series.heights_mm) // 2]
        image = series.picture(middle)
        assert image.shape == (series.grid.size, series.grid.size)
        assert np.isfinite(image).all()
        assert image.std() > 50


def test_a_person_looks_alike_over_time_and_unlike_others() -> None:
    mr = [v for v in visits() if v.kind == "brain MR"]
    same = [v for v in mr if v.person.number == 20]
    other = next(v for v in mr if v.person.number == 27)

    def picture(visit: Visit) -> Image:
        return series_of(visit)[0].picture(20.0)

    def likeness(a: Image, b: Image) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    first, second = picture(same[0]), picture(same[1])
    assert likeness(first, second) > likeness(first, picture(other)) + 0.03


def healthy(visit: Visit) -> Visit:
    return replace(visit, finding="no finding")


def comparable() -> dict[str, Visit]:
    """One visit for each finding whose healthy twin would get contrast medium or not as it did."""
    sick = [v for v in visits() if v.finding != "no finding"]
    return {
        f"{v.kind}: {v.finding}": v for v in sick if v.with_contrast == healthy(v).with_contrast
    }


@pytest.mark.parametrize("visit", comparable().values(), ids=comparable())
def test_a_finding_changes_the_picture(visit: Visit) -> None:
    sick_series, healthy_series = series_of(visit)[-1], series_of(healthy(visit))[-1]
    middle_first = sorted(sick_series.heights_mm, key=lambda z: abs(z - 22))
    changes = (
        np.abs(sick_series.picture(z) - healthy_series.picture(z)).max() for z in middle_first
    )
    assert any(change > 15 for change in changes)


@pytest.mark.parametrize(("kind", "has_lungs"), [("chest CT", True), ("abdomen CT", False)])
def test_the_threshold_segmentation_finds_lungs_only_in_chests(kind: str, has_lungs: bool) -> None:
    from io import BytesIO

    from archive.dicom.reading import read_dataset
    from deploy.demo.datasets import series_files
    from inference.pipelines.segmentation import segment_ct
    from inference.pipelines.volumes import read_volume

    series = series_of(next(v for v in visits() if v.kind == kind))[0]
    datasets = [read_dataset(BytesIO(file.content)) for file in series_files(series)]
    segments = {segment.label for segment in segment_ct(read_volume(datasets)).segments}
    assert {"Body", "Bone"} <= segments
    assert ("Lung" in segments) is has_lungs
