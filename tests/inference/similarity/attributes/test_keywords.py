"""Free DICOM attributes: what may be asked for, how it is kept, and that searches obey it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.models import Instance, InstanceMetadata, Series
from inference.models import Finding, SeriesAttributes
from inference.similarity.attributes.keywords import (
    MAX_VALUES,
    merge_values,
    vr_of_searchable,
    wanted_values,
)
from inference.similarity.attributes.rows import fill_attributes, reconcile_attributes
from inference.similarity.errors import InvalidQueryError
from inference.similarity.services import search_similar
from inference.similarity.types import Filters, Level, SimilarQuery
from tests.builders.vectors import direction, make_case

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "keyword",
    [
        *("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber"),
        *("StudyID", "ReferringPhysicianName", "OperatorsName", "InstitutionName", "StationName"),
        *("SOPInstanceUID", "StudyInstanceUID", "PatientAddress", "DeviceSerialNumber"),
        *("AdmissionID", "RequestedProcedureID", "PixelData", "ViewCodeSequence", "NoSuchThing"),
        "",
    ],
)
def test_what_names_a_person_or_has_no_simple_value_is_not_searchable(keyword):
    assert vr_of_searchable(keyword) is None


@pytest.mark.parametrize(
    ("keyword", "vr"),
    [
        ("ViewPosition", "CS"),
        ("KVP", "DS"),
        ("ConvolutionKernel", "SH"),
        ("SeriesDescription", "LO"),
        ("EchoTrainLength", "IS"),
        ("PatientAge", "AS"),
        ("SOPClassUID", "UI"),
        ("Rows", "US"),
    ],
)
def test_acquisition_is_searchable(keyword, vr):
    assert vr_of_searchable(keyword) == vr


def test_values_are_compared_without_case_and_numbers_by_value():
    pairs = [("KVP", "120.0"), ("KVP", " 1.2e2 "), ("ViewPosition", " pa ")]

    assert wanted_values(pairs) == {"KVP": ["120", "120"], "ViewPosition": ["pa"]}


@pytest.mark.parametrize(
    "pair",
    [
        ("NoSuchKeyword", "x"),
        ("PatientName", "x"),
        ("KVP", "loud"),
        ("KVP", ""),
        ("ViewPosition", " "),
        ("ViewPosition", "x" * 65),
    ],
)
def test_bad_pair_names_the_field(pair):
    with pytest.raises(InvalidQueryError) as caught:
        wanted_values([pair])

    assert caught.value.field == "filters.attribute"
    assert pair[1].strip() not in caught.value.message.split() or not pair[1].strip()


def test_values_of_a_series_are_bounded():
    values: dict[str, list[str]] = {}
    for number in range(MAX_VALUES + 20):
        merge_values(values, {"00180060": {"vr": "DS", "Value": [number]}})
    merge_values(values, {"0018115E": {"vr": "DS", "Value": [None]}})
    merge_values(values, {"00081030": {"vr": "LO", "Value": ["x" * 100]}})

    assert list(values) == ["KVP"]
    assert len(values["KVP"]) == MAX_VALUES


def test_private_and_broken_elements_are_passed_over():
    values: dict[str, list[str]] = {}

    merge_values(values, {"00091001": {"vr": "LO", "Value": ["secret"]}, "00180015": {"vr": "CS"}})
    merge_values(values, {"00180060": {"vr": "DS", "Value": ["NaN?"]}})

    assert values == {}


def document(instance: Instance, **values: object) -> None:
    import json
    import zlib

    tags = {"ViewPosition": ("00185101", "CS"), "KVP": ("00180060", "DS")}
    content = {
        tag: {"vr": vr, "Value": [values[keyword]]}
        for keyword, (tag, vr) in tags.items()
        if keyword in values
    }
    InstanceMetadata.objects.create(
        instance=instance, content=zlib.compress(json.dumps(content).encode())
    )


@pytest.fixture
def case(space, project):
    def make(*images: dict[str, object]) -> Series:
        series = make_case(space, [direction(0.1) for _ in images], projects=[project])
        for instance, values in zip(series.instances.order_by("pk"), images, strict=True):
            document(instance, **values)
        fill_attributes([series.pk])
        return series

    return make


@pytest.fixture
def search(radiologist, space, project) -> Callable[..., set[str]]:
    asked = make_case(space, [direction(0)], projects=[project])

    def run(level: Level = Level.SERIES, **filters: object) -> set[str]:
        query = SimilarQuery(
            series=asked.series_instance_uid, filters=Filters(**filters), level=level, k=100
        )
        return {result.series_uid for result in search_similar(radiologist, query).results}

    return run


@pytest.mark.django_db
def test_view_and_attributes_of_any_image_find_the_series(search, case):
    frontal = case({"ViewPosition": "PA", "KVP": 120}, {"ViewPosition": "LL", "KVP": 110})
    lateral = case({"ViewPosition": "LL", "KVP": 120})
    case({})
    both = {frontal.series_instance_uid, lateral.series_instance_uid}

    assert search(view=("pa",)) == {frontal.series_instance_uid}
    assert search(view=("PA", "LL")) == both
    assert search(attribute=(("KVP", "120.0"),)) == both
    assert search(attribute=(("KVP", "110"), ("KVP", "99"))) == {frontal.series_instance_uid}
    assert search(attribute=(("KVP", "120"), ("ViewPosition", "PA"))) == {
        frontal.series_instance_uid
    }
    assert search(attribute=(("KVP", "99"),)) == set()


@pytest.mark.django_db
def test_unknown_keyword_is_refused_whatever_the_asker_may_see(search, outsider):
    with pytest.raises(InvalidQueryError) as caught:
        search(attribute=(("NoSuchKeyword", "x"),))
    assert caught.value.field == "filters.attribute"


@pytest.mark.django_db
def test_new_images_are_added_and_what_was_read_is_not_read_again(case):
    from tests.factories.archive import InstanceFactory

    series = case({"KVP": 100})
    document(InstanceFactory(series=series), KVP=140)

    assert fill_attributes([series.pk, series.pk, 10**9]) == 1
    assert fill_attributes([series.pk]) == 0
    assert SeriesAttributes.objects.get(pk=series.pk).values["KVP"] == ["100", "140"]


@pytest.mark.django_db
def test_reconciler_fills_what_is_missing_and_rebuilds_what_lost_an_image(case):
    complete, missing, shrunk = case({"KVP": 1}), case({"KVP": 2}), case({"KVP": 3}, {"KVP": 4})
    SeriesAttributes.objects.filter(pk=missing.pk).delete()
    shrunk.instances.order_by("pk").last().delete()
    before = SeriesAttributes.objects.get(pk=complete.pk).updated_at

    assert reconcile_attributes() == 2
    assert reconcile_attributes() == 0

    assert SeriesAttributes.objects.get(pk=missing.pk).values == {"KVP": ["2"]}
    assert SeriesAttributes.objects.get(pk=shrunk.pk).values == {"KVP": ["3"]}
    assert SeriesAttributes.objects.get(pk=complete.pk).updated_at == before


@pytest.mark.django_db
def test_real_file_is_searchable_by_its_header(stored_instance):
    instance, _ = stored_instance

    fill_attributes([instance.series_id])

    values = SeriesAttributes.objects.get(pk=instance.series_id).values
    assert values["Modality"] == ["ct"]
    assert not {"PatientName", "PatientID", "SOPInstanceUID"} & set(values)


@pytest.mark.django_db
def test_has_finding(search, case):
    from tests.factories.inference import RunFactory

    nodule, clear = case({}), case({})
    run = RunFactory(series=nodule, state="succeeded", not_before=timezone.now())
    Finding.objects.create(
        run=run, series=nodule, kind="classification", name="chest", label="nodule"
    )
    found = {nodule.series_instance_uid}

    assert search(finding=("nodule",)) == found
    assert search(finding=("chest:nodule",)) == found
    assert search(finding=("head:nodule",)) == set()
    assert search(finding=("any",)) == found
    assert search(Level.STUDY, finding=("any",)) == found
    assert clear.series_instance_uid in search()
