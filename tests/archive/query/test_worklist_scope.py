"""Few studies of a large archive: found first, and never more than the asker may see."""

import pytest

from archive.models import Membership, StudyGrant
from archive.query import worklist_scope
from archive.query.worklist import WorklistFilters, worklist_page
from archive.query.worklist_scope import few_visible
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def large_archive(monkeypatch):
    monkeypatch.setattr(worklist_scope, "LARGE_ARCHIVE", -2)
    monkeypatch.setattr(worklist_scope, "_many", {})


def _uids(user, **filters):
    return {row.study_uid for row in worklist_page(user, WorklistFilters(**filters)).rows}


def test_few_studies_of_the_asker_are_all_there_is(radiologist, outsider, project, other_project):
    mine = StudyFactory(projects=[project], study_description="CT Thorax")
    theirs = StudyFactory(projects=[other_project], study_description="CT Thorax")
    deleted = StudyFactory(projects=[project], withheld="deleted")

    assert few_visible(radiologist) == [mine.pk, deleted.pk]
    for filters in ({}, {"search": "thorax ct"}, {"project": project.slug}):
        assert _uids(radiologist, **filters) == {mine.study_instance_uid}
    assert _uids(outsider) == {theirs.study_instance_uid}
    assert _uids(outsider, project=project.slug) == _uids(outsider, search="none") == set()
    StudyGrant.objects.create(user=radiologist, study=theirs)
    assert _uids(radiologist, search="ct") == {mine.study_instance_uid, theirs.study_instance_uid}
    assert _uids(radiologist, project=other_project.slug) == {theirs.study_instance_uid}


def test_researchers_see_no_more_by_it(researcher_of, project):
    named = StudyFactory(projects=[project])
    unnamed = StudyFactory(projects=[project], is_deidentified=True)
    researcher = researcher_of(project)

    assert set(few_visible(researcher)) == {named.pk, unnamed.pk}
    assert _uids(researcher) == {unnamed.study_instance_uid}


def test_many_are_not_looked_up_and_remembered_as_many(radiologist, project, monkeypatch):
    monkeypatch.setattr(worklist_scope, "MAX_FEW", 2)
    uids = {StudyFactory(projects=[project]).study_instance_uid for _ in range(3)}

    assert few_visible(radiologist) is None
    assert _uids(radiologist, project=project.slug) == uids
    assert ("project", project.pk) in worklist_scope._many
    # What was many may be few later: the list is right all the same.
    monkeypatch.setattr(worklist_scope, "MAX_FEW", 9)
    assert few_visible(radiologist) is None
    assert _uids(radiologist) == uids


def test_who_sees_everything_and_small_archives_are_asked_nothing_more(
    radiologist, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(worklist_scope, "LARGE_ARCHIVE", 10**12)
    few_visible(radiologist)

    with django_assert_num_queries(1):
        assert few_visible(radiologist) is None


@pytest.fixture
def researcher_of(django_user_model):
    def make(project):
        user = django_user_model.objects.create_user("scholar")
        Membership.objects.create(user=user, project=project, role="researcher")
        return user

    return make
