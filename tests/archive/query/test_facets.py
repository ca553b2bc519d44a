"""What there is to choose from in a list, inside the asker's rights."""

import pytest

from archive.models import Membership
from archive.query.facets import visible_body_parts, visible_modalities
from tests.factories.archive import SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def test_facets_hold_what_the_asker_may_see_alone(radiologist, project, other_project):
    study = StudyFactory(projects=[project])
    SeriesFactory(study=study, modality="CT", body_part_examined="CHEST")
    SeriesFactory(study=study, modality="SR")
    SeriesFactory(study=study, modality="PT", withheld="deleted")
    hidden = StudyFactory(projects=[other_project])
    SeriesFactory(study=hidden, modality="MG", body_part_examined="BREAST")

    assert visible_modalities(radiologist) == ["CT"]
    assert visible_body_parts(radiologist) == ["CHEST"]


def test_facets_of_an_empty_archive_are_not_remembered(radiologist, project):
    assert visible_modalities(radiologist) == []
    SeriesFactory(study=StudyFactory(projects=[project]))

    assert visible_modalities(radiologist) == ["CT"]


def test_facets_of_who_lost_a_membership_are_gone_at_once(radiologist, project):
    SeriesFactory(study=StudyFactory(projects=[project]))
    assert visible_modalities(radiologist) == ["CT"]

    Membership.objects.filter(user=radiologist).delete()

    assert visible_modalities(radiologist) == []
