from __future__ import annotations

import pytest

from archive.models import InstanceMetadata
from archive.retrieve.tasks import fill_metadata_task

pytestmark = pytest.mark.django_db


def test_the_task_fills_what_is_missing_and_may_run_twice(instance):
    assert fill_metadata_task([instance.pk, 0]) == 1
    assert fill_metadata_task([instance.pk]) == 0
    assert InstanceMetadata.objects.get().instance == instance
