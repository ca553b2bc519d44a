"""Roles in one study, as its pages ask for them."""

import pytest

from archive.access.study_roles import require_may_export, roles_in, roles_in_study
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Membership, Role, Study, StudyGrant
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


def test_roles_count_where_they_hold(radiologist, colleague, project, other_project):
    study = StudyFactory(projects=[project])
    uid = study.study_instance_uid
    Membership.objects.create(user=colleague, project=other_project, role=Role.RADIOLOGY_ADMIN)

    assert roles_in_study(radiologist, uid) == {Role.CLINICIAN}
    assert roles_in_study(colleague, uid) == {Role.VIEWER}
    require_may_export(radiologist, uid)
    with pytest.raises(NotAllowedError):
        require_may_export(colleague, uid)


def test_studies_outside_the_rights_are_not_there(outsider, project):
    with pytest.raises(NotVisibleError):
        roles_in_study(outsider, StudyFactory(projects=[project]).study_instance_uid)


def test_a_role_everywhere_means_standard_projects_and_admins_see_unassigned(
    archive_admin, colleague, project, unassigned
):
    assert roles_in(archive_admin, [unassigned]) == {Role.RADIOLOGY_ADMIN}
    Membership.objects.create(user=colleague, project=None, role=Role.CLINICIAN)
    assert roles_in(colleague, [unassigned]) == frozenset()
    assert roles_in(colleague, [project]) == {Role.VIEWER, Role.CLINICIAN}


def test_a_researcher_takes_out_what_has_no_identity_whatever_else_they_see(
    colleague, outsider, project
):
    study = StudyFactory(projects=[project])
    uid = study.study_instance_uid
    StudyGrant.objects.create(user=outsider, study=study)
    for person in (colleague, outsider):
        Membership.objects.create(user=person, project=project, role=Role.RESEARCHER)
        assert Role.RESEARCHER in roles_in_study(person, uid)
        with pytest.raises(NotAllowedError):
            require_may_export(person, uid)

    Study.objects.update(is_deidentified=True)

    for person in (colleague, outsider):
        require_may_export(person, uid)
