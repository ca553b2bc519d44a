from __future__ import annotations

from dataclasses import replace

import pytest

from archive.errors import StorageFullError
from archive.ingest import deliveries
from archive.ingest.deliveries import Delivery
from archive.ingest.types import Origin, Outcome
from archive.models import AuditEvent, Instance, Quarantine
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def origin(radiologist, project):
    return Origin(door="dicomweb", actor=radiologist, project=project)


def test_instances_are_stored_in_batches_and_answered_in_order(origin, monkeypatch):
    monkeypatch.setattr(deliveries, "BATCH_FILES", 2)
    datasets = [make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=n) for n in range(1, 6)]

    with Delivery(origin, is_unpacking=False) as store:
        for ds in datasets:
            store.take("", [as_part10(ds)])
        assert Instance.objects.count() == 4
        results = store.finish()

    assert [result.sop_instance_uid for result in results] == [ds.SOPInstanceUID for ds in datasets]
    assert AuditEvent.objects.filter(act="store").count() == 3


def test_refusals_keep_their_place(origin, settings):
    good = as_part10(make_dataset(StudyInstanceUID="1.2.3"))
    settings.TWINSIGHT_MAX_INSTANCE_BYTES = len(good) + 50

    with Delivery(replace(origin, study_instance_uid="1.2.3"), is_unpacking=False) as store:
        store.take("a", [good])
        store.take("b", [bytes(len(good) + 100)])
        store.take("c", [as_part10(make_dataset(StudyInstanceUID="1.2.4"))])
        store.take("d", [b""])
        results = store.finish()

    assert [result.name for result in results] == ["a", "b", "c", "d"]
    assert [result.outcome for result in results] == [Outcome.STORED] + [Outcome.QUARANTINED] * 3
    assert [result.error and result.error.code for result in results[1:]] == [
        "limit-exceeded",
        "study-mismatch",
        "empty",
    ]
    assert Quarantine.objects.count() == 3


def test_what_was_not_stored_is_discarded_when_the_request_fails(origin, settings):
    store = Delivery(origin, is_unpacking=False)
    store.take("", [as_part10(make_dataset())])
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 1 << 60

    with store, pytest.raises(StorageFullError):
        store.take("", [as_part10(make_dataset())])

    assert Instance.objects.count() == 0
    assert list((blob_store().root / "spool").iterdir()) == []
