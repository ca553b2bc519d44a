from __future__ import annotations

import json
import math

import pytest

from archive.errors import NotVisibleError
from archive.models import Instance, InstanceMetadata
from archive.retrieve.metadata import (
    BASE_MARK,
    document_texts,
    fill_metadata,
    metadata_documents,
    stored_metadata,
)
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
BASE = "https://x.example/dicom-web"


def documents(*instances):
    return [json.loads(text) for text in metadata_documents([i.pk for i in instances], BASE)]


def test_metadata_is_the_data_set_with_links(project):
    ds = make_dataset(PatientName="Müller^Ü", SpecificCharacterSet="ISO_IR 100")
    ds.RescaleSlope = None
    ds.add_new(0x00189306, "FD", math.nan)
    (instance,) = store_datasets(ds, project=project)

    (document,) = documents(instance)

    assert list(document) == sorted(document)
    assert document["00100010"]["Value"] == [{"Alphabetic": "Müller^Ü"}]
    assert document["00080005"]["Value"] == ["ISO_IR 192"]
    assert document["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]
    assert document["00281053"] == {"vr": "DS"}
    path = (
        f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        f"/instances/{ds.SOPInstanceUID}"
    )
    assert document["7FE00010"]["BulkDataURI"] == f"{BASE}{path}/bulkdata/7FE00010"


def test_metadata_is_computed_once(project, django_assert_num_queries):
    instances = store_datasets(*(make_dataset() for _ in range(3)), project=project)
    keys = [instance.pk for instance in instances]

    assert set(fill_metadata(keys)) == set(keys)
    assert fill_metadata(keys) == {}
    assert InstanceMetadata.objects.count() == 3
    for instance in instances:
        blob_store().delete(instance.blob.sha256)
    with django_assert_num_queries(1):
        assert len(documents(*instances)) == 3


def test_many_instances_are_read_in_batches_and_keep_their_order(project, monkeypatch):
    monkeypatch.setattr("archive.retrieve.metadata._BATCH", 2)
    instances = store_datasets(*(make_dataset() for _ in range(5)), project=project)

    found = documents(*reversed(instances))

    uids = [document["00080018"]["Value"][0] for document in found]
    assert uids == [instance.sop_instance_uid for instance in reversed(instances)]


def test_an_instance_whose_file_is_gone_is_left_out(project):
    first, second = store_datasets(make_dataset(), make_dataset(), project=project)
    blob_store().delete(first.blob.sha256)

    assert len(documents(first, second)) == 1


def test_keys_are_those_under_the_path_and_inside_rights(project, radiologist, outsider):
    first, second = store_datasets(
        make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=2),
        make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=1),
        project=project,
    )

    everything = stored_metadata(radiologist, study_instance_uid="1.2.3")
    one = stored_metadata(
        radiologist,
        study_instance_uid="1.2.3",
        series_instance_uid=first.series.series_instance_uid,
    )

    assert {row.key for row in everything} == {first.pk, second.pk}
    assert [row.key for row in one] == [first.pk]
    for user, uid in ((outsider, "1.2.3"), (radiologist, "1.2.4"), (radiologist, "x\0")):
        with pytest.raises(NotVisibleError):
            stored_metadata(user, study_instance_uid=uid)


def test_what_is_missing_is_made_on_the_way(project, radiologist):
    instances = store_datasets(
        *(make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=n) for n in (1, 2, 3)),
        project=project,
    )
    fill_metadata([instances[1].pk])

    rows = stored_metadata(radiologist, study_instance_uid="1.2.3")

    assert [row.content is None for row in rows] == [True, False, True]
    texts = document_texts(rows)
    assert texts == document_texts(stored_metadata(radiologist, study_instance_uid="1.2.3"))
    assert all(BASE_MARK in text for text in texts)
    assert [json.loads(text)["00200013"]["Value"] for text in texts] == [[1], [2], [3]]


def test_rejected_instances_are_given_where_there_are_no_others(project, radiologist):
    first, second = store_datasets(
        make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1"),
        make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1"),
        project=project,
    )
    path = {"study_instance_uid": "1.2.3", "series_instance_uid": "1.2.3.1"}
    Instance.objects.filter(pk=first.pk).update(withheld="rejected")

    assert [row.key for row in stored_metadata(radiologist, **path)] == [second.pk]
    Instance.objects.filter(pk=second.pk).update(withheld="rejected")
    assert len(stored_metadata(radiologist, **path)) == 2
    with pytest.raises(NotVisibleError):
        stored_metadata(radiologist, study_instance_uid="1.2.3")
