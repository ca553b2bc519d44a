"""A study's counts and lists are of what default answers hold, whatever came in which order."""

import importlib

import pytest
from django.contrib.auth.models import User
from django.db import connection

from archive.audit.types import Asker
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.services import withhold_series
from archive.curation.types import ObjectPath
from archive.ingest.arrivals import hold_arrivals
from archive.ingest.types import Origin
from archive.models import Membership, Series, Study
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db

STUDY = "1.2.826.0.1.9.70"
HIDDEN = ["rejected", "superseded", "trial"]
BOTH = (2, 3, ["CT", "SEG"], ["CHEST", "LUNG"])
SHOWN = (1, 2, ["CT"], ["CHEST"])


def image(number, series=1, **attributes):
    kinds = {1: {"Modality": "CT", "BodyPartExamined": "CHEST"}}
    result = {"Modality": "SEG", "BodyPartExamined": "LUNG"}
    return make_dataset(
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.{series}",
        SOPInstanceUID=f"{STUDY}.{series}.{number}",
        **(kinds.get(series, result) | attributes),
    )


@pytest.fixture
def result(project):
    """An instance of a second series, beside two images."""
    return store_datasets(image(1), image(2), image(1, series=2), project=project)[2]


def counts():
    study = Study.objects.get()
    return (
        study.number_of_study_related_series,
        study.number_of_study_related_instances,
        study.modalities_in_study,
        study.body_parts,
    )


def withhold(instance, reason):
    return withhold_series(sop_instance_uids=[instance.sop_instance_uid], reason=reason)


@pytest.mark.parametrize("state", HIDDEN)
def test_what_is_withheld_is_not_counted_until_it_is_shown_again(result, state):
    assert counts() == BOTH

    assert withhold(result, state) == 1
    assert counts() == SHOWN

    assert withhold(result, "") == 1
    assert counts() == BOTH


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("person", ["radiologist", "colleague"])
def test_queries_tell_what_they_list(client, request, result, state, person):
    withhold(result, state)
    client.force_login(request.getfixturevalue(person))

    (study,) = client.get("/dicom-web/studies").json()

    assert study["00201206"]["Value"] == [1]
    assert study["00201208"]["Value"] == [2]
    assert study["00080061"]["Value"] == ["CT"]
    assert len(client.get(f"/dicom-web/studies/{STUDY}/series").json()) == 1
    assert len(client.get(f"/dicom-web/studies/{STUDY}/instances").json()) == 2
    assert client.get("/dicom-web/studies", {"ModalitiesInStudy": "SEG"}).status_code == 204
    page = client.get("/studies/").content.decode()
    assert "SEG" not in page.partition("<tbody")[2]


@pytest.mark.parametrize("state", HIDDEN)
def test_what_joins_a_withheld_series_is_not_counted(project, result, state):
    withhold(result, state)

    store_datasets(image(2, series=2), project=project)
    assert counts() == SHOWN
    store_datasets(image(3, series=2), image(3), project=project)
    assert counts() == (1, 3, ["CT"], ["CHEST"])

    withhold(result, "")
    assert counts() == (2, 6, ["CT", "SEG"], ["CHEST", "LUNG"])


@pytest.mark.parametrize("by", ["a hold", "its sender"])
def test_what_is_held_from_its_arrival_is_not_counted(project, result, by):
    account = User.objects.create_user("performer")
    Membership.objects.create(user=account, project=project, role="system")
    if by == "a hold":
        hold_arrivals(key="run", study_instance_uid=STUDY, account=account, reason="trial")
    held = "trial" if by == "its sender" else ""
    origin = Origin(door="dicomweb", actor=account, project=project, withheld=held)

    store_datasets(image(1, series=3), image(3), origin=origin)

    assert Series.objects.get(series_instance_uid=f"{STUDY}.3").withheld == "trial"
    assert counts() == (2, 4, ["CT", "SEG"], ["CHEST", "LUNG"])


@pytest.mark.parametrize("state", HIDDEN)
def test_deleting_and_bringing_back_count_no_more(result, archive_admin, state):
    withhold(result, state)
    asker = Asker(door="test", user=archive_admin)

    one = remove_objects(
        asker=asker, path=ObjectPath(STUDY, f"{STUDY}.1", f"{STUDY}.1.1"), reason="x"
    )
    assert counts() == (1, 1, ["CT"], ["CHEST"])
    whole = remove_objects(asker=asker, path=ObjectPath(STUDY), reason="x")
    assert counts() == (0, 0, [], [])
    undo_removal(asker=asker, removal_id=whole.pk)
    undo_removal(asker=asker, removal_id=one.pk)

    assert counts() == SHOWN
    assert Series.objects.get(pk=result.series_id).withheld == state


def test_withholding_takes_few_questions_however_many_series(
    project, result, django_assert_num_queries
):
    others = store_datasets(*(image(1, series=n) for n in range(3, 8)), project=project)
    uids = [one.sop_instance_uid for one in [result, *others]]
    with django_assert_num_queries(7):
        withhold_series(sop_instance_uids=uids, reason="trial")
    assert counts() == SHOWN
    # Nothing changes: nothing is counted.
    with django_assert_num_queries(3):
        withhold_series(sop_instance_uids=uids, reason="trial")


def test_studies_from_before_are_counted_anew(project, result):
    store_datasets(make_dataset(StudyInstanceUID="1.2.3", Modality="MR"), project=project)
    Series.objects.filter(pk=result.series_id).update(withheld="trial")
    before = Study.objects.get(study_instance_uid="1.2.3").updated_at

    migration = importlib.import_module("archive.migrations.0034_counts_of_shown_series")
    with connection.cursor() as cursor:
        cursor.execute(migration.COUNT)

    other = Study.objects.get(study_instance_uid="1.2.3")
    assert (other.updated_at, other.modalities_in_study) == (before, ["MR"])
    study = Study.objects.get(study_instance_uid=STUDY)
    assert (study.number_of_study_related_series, study.number_of_study_related_instances) == (1, 2)
    assert (study.modalities_in_study, study.body_parts) == (["CT"], ["CHEST"])
