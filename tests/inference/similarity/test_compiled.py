"""Statements that are written once and filled in: each question still gets its own answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection

from archive.models import Membership
from archive.models.access import Role
from inference.similarity.filters import Scope, permitted_rows
from inference.similarity.permitted import compile_permitted
from inference.similarity.types import Filters, Level
from tests.builders.vectors import direction, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def cases(space, project):
    return [make_case(space, [direction(angle)], projects=[project]) for angle in range(6)]


def rows_of(user, space, scope, angle=0.0) -> list[tuple[int, float]]:
    """Keys of series and distances: by the copies, by the truth, and both must be the same."""
    (part,) = compile_permitted(user, space, scope, direction(angle))
    found = []
    for one in (part, part.truth()):
        with connection.cursor() as cursor:
            cursor.execute(one.sql, one.params)
            found.append(sorted((row[2], round(row[6], 3)) for row in cursor.fetchall()))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize("name", ["without_patients", "without_studies", "without_series"])
def test_each_question_leaves_out_its_own_objects(radiologist, space, cases, name):
    keys = {
        "without_patients": [case.study.patient_id for case in cases],
        "without_studies": [case.study_id for case in cases],
        "without_series": [case.pk for case in cases],
    }[name]
    for first, second in [(0, 1), (4, 2), (5, 3)]:
        scope = replace(Scope(level=Level.SERIES), **{name: frozenset({keys[first], keys[second]})})

        found = [key for key, _ in rows_of(radiologist, space, scope)]

        left_out = {cases[first].pk, cases[second].pk}
        assert found == sorted(case.pk for case in cases if case.pk not in left_out)
        ((_, rows),) = permitted_rows(radiologist, space, scope)
        assert found == sorted(rows.values_list("series_id", flat=True))


def test_only_the_patients_of_this_question_are_searched(radiologist, space, cases):
    for case in cases[:3]:
        scope = Scope(level=Level.SERIES, only_patients=frozenset({case.study.patient_id}))
        assert [key for key, _ in rows_of(radiologist, space, scope)] == [case.pk]


def test_more_objects_than_are_filled_in(radiologist, space, cases):
    many = frozenset({cases[0].pk, *range(10_000, 10_060)})
    found = rows_of(radiologist, space, Scope(level=Level.SERIES, without_series=many))
    assert [key for key, _ in found] == sorted(case.pk for case in cases[1:])


def test_each_question_has_its_own_vector(radiologist, space, cases):
    for angle in (0.0, 2.0):
        distances = dict(rows_of(radiologist, space, Scope(level=Level.SERIES), angle))
        nearest = min(distances, key=lambda key: distances[key])
        assert nearest == cases[int(angle)].pk
        assert distances[nearest] == pytest.approx(0, abs=1e-3)


def test_rights_given_and_taken_hold_for_the_next_question(radiologist, space, cases):
    scope = Scope(level=Level.SERIES)
    assert len(rows_of(radiologist, space, scope)) == len(cases)

    Membership.objects.filter(user=radiologist).delete()
    assert compile_permitted(radiologist, space, scope, direction(0.0)) == []

    Membership.objects.create(user=radiologist, role=Role.VIEWER, project=None)
    assert len(rows_of(radiologist, space, scope)) == len(cases)


def test_a_project_of_a_filter_is_looked_up_anew(radiologist, space, project, cases):
    scope = Scope(level=Level.SERIES, filters=Filters(project=("renamed",)))
    assert compile_permitted(radiologist, space, scope, direction(0.0)) == []

    project.slug = "renamed"
    project.save()

    assert len(rows_of(radiologist, space, scope)) == len(cases)


def test_every_half_precision_number_survives_its_text():
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    numbers = numbers[np.isfinite(numbers)]
    again = np.array([float(f"{number:.5g}") for number in numbers.tolist()], np.float16)
    assert np.array_equal(again, numbers)
