from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction

from archive.models import Instance, Membership
from archive.models.access import Role
from archive.models.statements import Reading, Slot, fetch_rows
from archive.retrieve.found import find_instances
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def test_values_are_sent_beside_the_statement():
    assert fetch_rows("SELECT $1::text, $2::int", ["'; --", 7]) == [("'; --", 7)]
    assert fetch_rows("SELECT $1::bytea", [b"\x00\xff"], binary=True) == [(b"\x00\xff",)]
    with pytest.raises(DataError), transaction.atomic():
        fetch_rows("SELECT $1::text::int", ["x"])


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_opened_anew():
    assert fetch_rows("SELECT 1", []) == [(1,)]
    connection.connection.close()

    assert fetch_rows("SELECT 2", []) == [(2,)]


def test_each_set_of_rights_has_its_own_statement(project, radiologist, outsider):
    (stored,) = store_datasets(make_dataset(), project=project)
    reading = Reading(
        lambda user: (
            Instance.objects.visible_to(user)
            .filter(sop_instance_uid=Slot("sop"), withheld__contains="")
            .values_list("pk")
        ),
        ["sop"],
    )

    for _ in range(2):
        assert reading.rows(radiologist, {"sop": stored.sop_instance_uid}) == [(stored.pk,)]
        assert reading.rows(outsider, {"sop": stored.sop_instance_uid}) == []
        assert reading.rows(radiologist, {"sop": "%s %% $1"}) == []


def test_rights_that_change_meanwhile_do_not_stay_in_a_statement(project, radiologist, outsider):
    (stored,) = store_datasets(make_dataset(), project=project)

    def make(user):
        Membership.objects.get_or_create(user=outsider, role=Role.VIEWER, project=project)
        return (
            Instance.objects.visible_to(user).filter(sop_instance_uid=Slot("sop")).values_list("pk")
        )

    reading = Reading(make, ["sop"])
    reading.rows(outsider, {"sop": stored.sop_instance_uid})
    Membership.objects.filter(user=outsider, role=Role.VIEWER).delete()

    assert reading.rows(outsider, {"sop": stored.sop_instance_uid}) == []


def test_found_instances_are_what_the_models_say(project, radiologist):
    (stored,) = store_datasets(make_dataset(), project=project)
    path = {
        "study": stored.series.study.study_instance_uid,
        "series": stored.series.series_instance_uid,
        "sop": stored.sop_instance_uid,
    }

    (found,) = find_instances(radiologist, path)

    assert found == stored
    for one in (found, found.blob, found.series, found.series.study):
        known = type(one).objects.get(pk=one.pk)
        for field in one._meta.concrete_fields:
            if field.attname not in one.get_deferred_fields():
                assert getattr(one, field.attname) == getattr(known, field.attname), field.attname
    assert found.image_position_patient == stored.image_position_patient
