import io

import highdicom as hd
import numpy as np
import pytest

from inference.errors import ResultEncodingError
from inference.results.codes import LUNG
from inference.results.detection_sr import DetectedPlace, build_detection_sr
from inference.results.sr import statement_uid
from tests.dciodvfy import errors_of

POINT = DetectedPlace(0.87, ((1.0, 2.0, 3.0),))
BOX = DetectedPlace(
    0.5, ((4.0, 5.0, 6.0), (14.0, 13.0, 12.0)), site=LUNG, diameter_mm=10.0, image=2
)


@pytest.fixture
def make_report(series, algorithm, make_identity):
    def make(*places):
        return build_detection_sr(
            source_datasets=series,
            places=places,
            algorithm=algorithm,
            identity=make_identity(4),
        )

    return make


def reread(ds):
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return hd.sr.srread(buffer)


def numbers_of(group):
    return {one.name.meaning: one.value for one in group.get_measurements()}


def test_a_point_lies_where_it_was_found(make_report):
    (group,) = reread(make_report(POINT)).content.get_planar_roi_measurement_groups()
    assert group.roi.graphic_type.value == "POINT"
    assert np.allclose(group.roi.value, [[1.0, 2.0, 3.0]])
    assert numbers_of(group) == {"Certainty of Finding": 87.0}


def test_a_box_has_its_two_ends_and_its_diameter(make_report, series):
    (group,) = reread(make_report(BOX)).content.get_volumetric_roi_measurement_groups()
    ends = group.roi.graphic_data[-2:]
    assert [set(end[:, 2]) for end in ends] == [{6.0}, {12.0}]
    assert np.array_equal(ends[0][0], ends[0][-1])
    assert ends[0][:, 0].min() == pytest.approx(4.0)
    assert ends[0][:, 1].max() == pytest.approx(13.0)
    assert group.roi.frame_of_reference_uid == series[0].FrameOfReferenceUID
    assert group.finding_sites[0].value.meaning == "Lung"
    assert numbers_of(group) == {"Certainty of Finding": 50.0, "Diameter": 10.0}


def test_a_box_is_first_drawn_on_the_axial_image_that_shows_it_best(make_report, series):
    z = float(series[2].ImagePositionPatient[2])
    place = DetectedPlace(0.5, ((4.0, 5.0, z - 3.5), (14.0, 13.0, z + 2.0)), image=2)
    (group,) = reread(make_report(place)).content.get_volumetric_roi_measurement_groups()
    heights = [set(polygon[:, 2]) for polygon in group.roi.graphic_data]
    assert heights == [{z}, {z - 3.5}, {z + 2.0}]


def test_detections_are_tracked_by_uids_that_findings_have_too(make_report, make_identity):
    report = reread(make_report(POINT, BOX))
    (point,) = report.content.get_planar_roi_measurement_groups()
    (box,) = report.content.get_volumetric_roi_measurement_groups()
    assert point.tracking_uid == statement_uid(make_identity(4), 1)
    assert box.tracking_uid == statement_uid(make_identity(4), 2)
    assert report.VerificationFlag == "UNVERIFIED"


def test_the_validator_has_nothing_against_points_and_boxes(make_report, tmp_path):
    assert errors_of(make_report(POINT, BOX), tmp_path) == []


@pytest.mark.parametrize(
    "places",
    [
        (),
        (DetectedPlace(1.5, ((0.0, 0.0, 0.0),)),),
        (DetectedPlace(0.5, ((0.0, 0.0, 0.0),) * 3),),
    ],
)
def test_what_is_no_detection_is_refused(make_report, places):
    with pytest.raises(ResultEncodingError):
        make_report(*places)
