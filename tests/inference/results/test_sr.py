import io
import time
from dataclasses import dataclass, replace

import highdicom as hd
import numpy as np
import pytest

from inference.errors import ResultEncodingError
from inference.results.codes import BODY_PART, MODALITY, body_part_code, modality_code
from inference.results.seg import build_seg, tracking_of
from inference.results.sr import build_classification_sr, build_measurement_sr
from inference.results.types import Evaluation
from tests.dciodvfy import errors_of

TISSUE = ("85756007", "SCT", "Tissue")
VOLUME = ("118565006", "SCT", "Volume")
ML = ("mL", "UCUM", "milliliter")
EVALUATIONS = (
    Evaluation(MODALITY, modality_code("CT"), 0.9731),
    Evaluation(BODY_PART, body_part_code("CHEST"), 0.5),
)


@dataclass(frozen=True)
class OneSegment:
    number: int
    label: str
    values: tuple[int, ...]
    property_type: tuple[str, str, str]
    category: tuple[str, str, str] = TISSUE


@dataclass(frozen=True)
class OneMeasurement:
    segment_number: int
    value: float
    name: tuple[str, str, str] = VOLUME
    unit: tuple[str, str, str] = ML
    derivation: tuple[str, str, str] | None = None


SEGMENTS = (
    OneSegment(1, "Bone", (1,), ("272673000", "SCT", "Bone")),
    OneSegment(2, "Lung", (2,), ("39607008", "SCT", "Lung")),
)


def written(ds) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def reread(ds):
    return hd.sr.srread(io.BytesIO(written(ds)))


def texts(content):
    return [
        item.value
        for item in content
        if item.value_type.value == "TEXT" and item.name.meaning == "Algorithm Parameters"
    ]


@pytest.fixture
def make_classification(series, algorithm, make_identity):
    def make(**changes):
        arguments = {
            "source_datasets": series[:2],
            "evaluations": EVALUATIONS,
            "algorithm": algorithm,
            "identity": make_identity(3),
        }
        return build_classification_sr(**(arguments | changes))

    return make


@pytest.fixture
def make_measurement(series, algorithm, make_identity):
    mask = np.zeros((6, 12, 10), dtype=np.uint8)
    mask[1, 2:4, 2:4], mask[3, 5:9, 5:9] = 1, 2
    seg = build_seg(
        source_datasets=series,
        mask_zyx=mask,
        segments=SEGMENTS,
        algorithm=algorithm,
        identity=make_identity(1),
    )

    def make(**changes):
        arguments = {
            "source_datasets": series,
            "seg": seg,
            "seg_identity": make_identity(1),
            "segments": SEGMENTS,
            "measurements": (OneMeasurement(1, 12.34567), OneMeasurement(2, 4567.8)),
            "algorithm": algorithm,
            "identity": make_identity(2),
            "notes": ("Nothing else found.",),
        }
        return build_measurement_sr(**(arguments | changes))

    return make


def test_classification_sr_round_trip_keeps_answers_and_probabilities(make_classification):
    report = reread(make_classification())
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.34"
    groups = report.content.get_image_measurement_groups()
    assert len(groups) == 2
    for group, expected in zip(groups, EVALUATIONS, strict=True):
        (answer,) = group.get_qualitative_evaluations(name=hd.sr.CodedConcept(*expected.name))
        assert answer.value.value == expected.value[0]
        (certainty,) = group.get_measurements()
        assert certainty.name.value == "111012"
        assert certainty.unit.value == "%"
        assert certainty.value == pytest.approx(expected.probability * 100)


def test_classification_sr_names_its_algorithm(make_classification):
    (group, _) = reread(make_classification()).content.get_image_measurement_groups()
    items = {item.name.meaning: item for item in group[0].ContentSequence}
    assert items["Algorithm Name"].value == "ct_parts"
    assert items["Algorithm Version"].value == "1.2"
    parameters = texts(group[0].ContentSequence)
    assert any(text.startswith("digest=abab") for text in parameters)
    assert "device=cpu" in parameters


def test_classification_sr_refers_to_its_images(make_classification, series):
    report = reread(make_classification())
    referenced = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert [item.ReferencedSOPInstanceUID for item in referenced.ReferencedSOPSequence] == [
        ds.SOPInstanceUID for ds in series[:2]
    ]


def test_classification_sr_is_complete_and_unverified(make_classification):
    report = reread(make_classification())
    assert report.CompletionFlag == "COMPLETE"
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.Modality == "SR"


def test_classification_sr_carries_the_patients_name_over(make_classification):
    report = reread(make_classification())
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert str(report.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    "evaluations",
    [(), (Evaluation(MODALITY, modality_code("CT"), 1.2),)],
)
def test_classification_sr_refuses(make_classification, evaluations):
    with pytest.raises(ResultEncodingError):
        make_classification(evaluations=evaluations)


def test_classification_sr_of_unknown_words_uses_local_codes(make_classification):
    evaluations = (Evaluation(BODY_PART, body_part_code("LEFTELBOW"), 0.4),)
    (group,) = reread(
        make_classification(evaluations=evaluations)
    ).content.get_image_measurement_groups()
    answer = group.get_qualitative_evaluations(name=hd.sr.CodedConcept(*BODY_PART))[0]
    assert answer.value.scheme_designator == "99TWINSIGHT"


def test_measurement_sr_round_trip_keeps_values_and_units(make_measurement):
    groups = reread(make_measurement()).content.get_volumetric_roi_measurement_groups()
    found = {}
    for group in groups:
        (number,) = group.get_measurements()
        assert (number.name.value, number.unit.value) == ("118565006", "mL")
        found[group.finding_type.meaning] = number.value
    assert found == pytest.approx({"Bone": 12.3457, "Lung": 4567.8})


def test_measurement_sr_refers_to_segments_under_the_same_tracking_uid(
    make_measurement, make_identity
):
    groups = reread(make_measurement()).content.get_volumetric_roi_measurement_groups()
    for group, segment in zip(groups, SEGMENTS, strict=True):
        image = group.referenced_segment[0].ReferencedSOPSequence[0]
        assert image.ReferencedSegmentNumber == segment.number
        assert image.ReferencedSOPInstanceUID == make_identity(1).sop_instance_uid
        assert (group.tracking_uid, group.tracking_identifier) == tracking_of(
            make_identity(1), segment
        )


def test_measurement_sr_keeps_notes_for_the_reader(make_measurement):
    group = reread(make_measurement()).content.get_volumetric_roi_measurement_groups()[0]
    assert "note=Nothing else found." in texts(group[0].ContentSequence)


def test_measurement_sr_without_measurements_is_refused(make_measurement):
    with pytest.raises(ResultEncodingError):
        make_measurement(measurements=())


def test_reports_twice_give_the_same_bytes(make_measurement, make_classification):
    before = written(make_measurement()), written(make_classification())
    time.sleep(1.1)
    assert (written(make_measurement()), written(make_classification())) == before


def test_measurement_sr_says_how_values_became_one(make_measurement):
    hounsfield = ("[hnsf'U]", "UCUM", "Hounsfield unit")
    mean = OneMeasurement(
        1,
        -700.5,
        ("112031", "DCM", "Attenuation Coefficient"),
        hounsfield,
        ("373098007", "SCT", "Mean"),
    )
    (group,) = reread(
        make_measurement(measurements=(mean,))
    ).content.get_volumetric_roi_measurement_groups()
    (number,) = group.get_measurements()
    assert number.derivation.meaning == "Mean"
    assert number.value == pytest.approx(-700.5)


def test_reports_tell_their_reader_what_the_registry_demands(make_classification, algorithm):
    warned = replace(algorithm, notice="Not for diagnostic use")
    (group, _) = reread(
        make_classification(algorithm=warned)
    ).content.get_image_measurement_groups()
    assert "note=Not for diagnostic use" in texts(group[0].ContentSequence)


def test_the_validator_has_nothing_against_either_report(
    make_classification, make_measurement, tmp_path
):
    assert errors_of(make_classification(), tmp_path) == []
    assert errors_of(make_measurement(), tmp_path) == []
