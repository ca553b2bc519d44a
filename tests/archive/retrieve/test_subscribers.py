from __future__ import annotations

import pytest

from archive.events.services import relay_outbox
from archive.models import InstanceMetadata
from archive.retrieve.subscribers import subscribe_all
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.waiting import wait_until


@pytest.mark.django_db(transaction=True)
def test_metadata_is_filled_by_a_worker_after_a_store(celery_worker, db_project):
    subscribe_all()
    (stored,) = store_datasets(make_dataset(), project=db_project)

    relay_outbox()

    wait_until(InstanceMetadata.objects.filter(instance=stored).exists)


@pytest.fixture
def db_project(transactional_db):
    from archive.access.projects import ensure_project

    return ensure_project(name="Chest clinic")
