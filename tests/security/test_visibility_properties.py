"""What somebody sees follows from roles, grants and emergencies, however these come together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.models import (
    BreakGlass,
    Instance,
    Membership,
    Patient,
    Project,
    Series,
    Study,
    StudyGrant,
)
from archive.models.access import Role
from archive.models.visibility import visibility
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db

READING = {"viewer", "clinician", "annotator", "radiology_admin", "system"}
# Projects by number; 2 is *Unassigned*, None every standard one.
MEMBERSHIPS = st.lists(
    st.tuples(st.sampled_from(Role.values), st.sampled_from([0, 1, 2, None])), max_size=4
)
# Study or patient by number, and by how many hours it ends (negative: over; 0: never).
OPENINGS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from([-1, 0, 1]), st.booleans()), max_size=3
)


@pytest.fixture
def world(project, other_project, unassigned):
    """Eight studies of four patients: in each project and in two, with identity and without."""
    places = [(0,), (1,), (2,), (0, 1), (0,), (1,), (2,), (0, 2)]
    projects = [project, other_project, unassigned]
    patients = [PatientFactory() for _ in range(4)]
    studies = []
    for number, inside in enumerate(places):
        study = StudyFactory(
            patient=patients[number % 4],
            projects=[projects[one] for one in inside],
            is_deidentified=number >= 4,
        )
        InstanceFactory(series=SeriesFactory(study=study))
        studies.append((study, set(inside)))
    return projects, patients, studies


def expected(world, held, grants, emergencies, *, is_active) -> set[int]:
    """Write the rules anew, from docs/security.md and not from the code."""
    if not is_active:
        return set()
    roles = {role for role, _ in held}
    reading_roles = roles & (READING | {"researcher"})
    seen = set()
    for number, (study, inside) in enumerate(world[2]):
        here = {
            role
            for role, where in held
            for one in inside
            if one != 2 and (where is None or where == one)
        }
        by_role = bool(here & READING) or ("researcher" in here and study.is_deidentified)
        by_role |= 2 in inside and "radiology_admin" in roles
        by_grant = any(at == number and hours >= 0 and not over for at, hours, over in grants)
        by_emergency = any(
            at % 4 == number % 4 and hours > 0 and not over for at, hours, over in emergencies
        )
        if reading_roles == {"researcher"}:
            by_grant &= study.is_deidentified
            by_emergency &= study.is_deidentified
        if by_role or by_grant or by_emergency:
            seen.add(study.pk)
    return seen


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(held=MEMBERSHIPS, grants=OPENINGS, emergencies=OPENINGS, is_active=st.booleans())
def test_gate_says_what_the_rules_say(world, held, grants, emergencies, is_active):
    projects, patients, studies = world
    now = timezone.now()
    BreakGlass.objects.all().delete()
    User.objects.filter(username="somebody").delete()
    user = User.objects.create_user("somebody", is_active=is_active)
    for role, where in set(held):
        place: Project | None = None if where is None else projects[where]
        Membership.objects.create(user=user, role=role, project=place)
    kept = {at: (at, hours, over) for at, hours, over in grants}
    for at, hours, over in kept.values():
        StudyGrant.objects.create(
            user=user,
            study=studies[at][0],
            expires_at=now + timedelta(hours=hours) if hours else None,
            revoked_at=now if over else None,
        )
    for at, hours, over in emergencies:
        BreakGlass.objects.create(
            user=user,
            patient=patients[at % 4],
            expires_at=now + timedelta(hours=hours),
            ended_at=now if over else None,
        )

    wanted = expected(world, held, kept.values(), emergencies, is_active=is_active)

    assert set(Study.objects.visible_to(user).values_list("pk", flat=True)) == wanted
    assert set(Series.objects.visible_to(user).values_list("study_id", flat=True)) == wanted
    instances = Instance.objects.visible_to(user).values_list("series__study_id", flat=True)
    assert set(instances) == wanted
    of_patients = {study.patient_id for study, _ in studies if study.pk in wanted}
    assert set(Patient.objects.visible_to(user).values_list("pk", flat=True)) == of_patients
    written = visibility(Study, user)
    with connection.cursor() as cursor:
        sql = f"SELECT id FROM archive_study WHERE {written.sql}"  # noqa: S608 our own
        cursor.execute(sql, written.params)
        assert {row[0] for row in cursor.fetchall()} == wanted
