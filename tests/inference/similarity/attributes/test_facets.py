"""What a search can be narrowed by: only what the asker's own cases carry."""

import pytest
from django.core.cache import cache
from django.utils import timezone

from archive.models import Membership, Series
from inference.models import Label
from inference.similarity.attributes.facets import search_facets
from tests.builders.vectors import direction, make_case, make_space
from tests.factories.inference import RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_cache():
    cache.clear()


@pytest.fixture
def labelled(project, other_project):
    space = make_space()
    for owner, label, maker in (
        (project, "nodule", "Maker A"),
        (project, "nodule", "Maker B"),
        (other_project, "secret", "Maker C"),
    ):
        series = make_case(space, [direction(0)], projects=[owner], manufacturer=maker)
        Label.objects.create(study=series.study, label_set="finding", label=label)


def test_values_of_the_askers_cases_are_offered_once_and_sorted(radiologist, labelled):
    facets = search_facets(radiologist)

    assert facets.labels == ("finding:nodule",)
    assert facets.manufacturers == ("Maker A", "Maker B")
    assert facets.projects == (("chest-clinic", "Chest clinic"),)


def test_what_others_hold_is_not_offered(outsider, labelled):
    facets = search_facets(outsider)

    assert facets.labels == ("finding:secret",)
    assert facets.manufacturers == ("Maker C",)


def test_an_empty_archive_offers_nothing_and_remembers_nothing(radiologist, project):
    assert search_facets(radiologist).labels == ()
    series = make_case(make_space(), [direction(0)], projects=[project])
    Label.objects.create(study=series.study, label_set="finding", label="new")

    assert search_facets(radiologist).labels == ("finding:new",)


def test_who_lost_a_membership_is_told_no_more_at_once(radiologist, labelled):
    assert search_facets(radiologist).labels

    Membership.objects.filter(user=radiologist).delete()

    assert search_facets(radiologist).labels == ()
    assert search_facets(radiologist).projects == ()


@pytest.mark.parametrize("state", ["deleted", "rejected", "superseded", "trial"])
def test_what_no_default_answer_holds_is_not_offered(state, archive_admin, project):
    series = make_case(make_space(), [direction(0)], projects=[project], manufacturer="Maker")
    Label.objects.create(study=series.study, series=series, label_set="finding", label="hidden")
    run = RunFactory(series=series, state="succeeded", not_before=timezone.now())
    run.findings.create(series=series, name="chest", label="mass", kind="classification")
    before = search_facets(archive_admin)
    assert (before.labels, before.findings) == (("finding:hidden",), ("chest:mass",))
    cache.clear()

    Series.objects.filter(pk=series.pk).update(withheld=state)

    after = search_facets(archive_admin)
    assert (after.labels, after.findings, after.manufacturers) == ((), (), ())
