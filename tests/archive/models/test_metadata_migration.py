"""Metadata that was kept with wrong VRs is forgotten by a migration, and made again."""

from importlib import import_module

import pytest
from django.db import connection

from archive.models import InstanceMetadata
from archive.retrieve.metadata import fill_metadata
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

IMPLICIT = "1.2.840.10008.1.2"


def test_kept_metadata_of_implicit_vr_alone_is_forgotten(project):
    stored = store_datasets(make_dataset(transfer_syntax=IMPLICIT), make_dataset(), project=project)
    keys = {one.transfer_syntax_uid: one.pk for one in stored}
    fill_metadata(keys.values())
    migration = import_module("archive.migrations.0032_metadata_of_implicit_vr").Migration
    (operation,) = migration.operations

    with connection.cursor() as cursor:
        cursor.execute(operation.sql)

    kept = set(InstanceMetadata.objects.values_list("pk", flat=True))
    assert kept == set(keys.values()) - {keys[IMPLICIT]}
    assert set(fill_metadata(keys.values())) == {keys[IMPLICIT]}
