"""The copies that vectors carry: kept right by the database, and never the last word on rights."""

from __future__ import annotations

import numpy as np
import pytest

from archive.models import Membership, Project
from archive.models.memberships import memberships_of
from inference.models import Embedding
from inference.similarity.facts import facts_held, readable_by, reconcile_copies
from inference.similarity.planning import SearchLimits
from inference.similarity.realms import reconcile_realms
from inference.similarity.services import search_similar
from inference.similarity.types import SimilarQuery
from tests.builders.vectors import direction, make_case
from tests.factories.archive import PatientFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(space, project):
    return make_case(
        space,
        [direction(0.3)],
        projects=[project],
        patient=PatientFactory(patient_sex="F"),
        modality="CT",
        body_part_examined="CHEST",
        laterality="",
    )


def copies(case) -> tuple[set[int], set[str]]:
    """What all rows of the series say; they must say the same."""
    rows = Embedding.objects.filter(series=case).values_list("patient_key", "facts")
    assert len({(key, tuple(facts)) for key, facts in rows}) == 1
    return {rows[0][0]}, set(rows[0][1])


def test_new_vectors_carry_patient_rights_and_filters(case, project):
    assert copies(case) == (
        {case.study.patient_id},
        {
            f"project={project.pk}",
            "standard",
            "modality=CT",
            "body_part=CHEST",
            "laterality=",
            "sex=F",
        },
    )


def test_projects_that_a_study_joins_and_leaves_are_copied(case, project, other_project):
    case.study.projects.add(other_project)
    assert f"project={other_project.pk}" in copies(case)[1]

    case.study.projects.remove(project)
    assert f"project={project.pk}" not in copies(case)[1]

    case.study.projects.clear()
    assert not {"standard", f"project={other_project.pk}"} & copies(case)[1]


def test_de_identification_is_copied(case, project):
    case.study.is_deidentified = True
    case.study.save()

    assert {"deidentified-standard", f"deidentified-project={project.pk}"} <= copies(case)[1]


def test_change_of_series_patient_and_project_is_copied(case, project):
    other = PatientFactory(patient_sex="M")
    case.modality, case.body_part_examined = "MR", "HEAD"
    case.save()
    case.study.patient = other
    case.study.save()
    assert copies(case)[0] == {other.pk}
    assert {"modality=MR", "body_part=HEAD", "sex=M"} <= copies(case)[1]

    other.patient_sex = "O"
    other.save()
    project.kind = Project.Kind.UNASSIGNED
    Project.objects.filter(kind=Project.Kind.UNASSIGNED).delete()
    project.save()
    assert {"sex=O", "unassigned"} <= copies(case)[1]
    assert not {"standard", "sex=M"} & copies(case)[1]


def test_vectors_written_again_keep_their_copies(case, space):
    from inference.similarity.spaces.writing import store_embeddings
    from inference.similarity.types import InstanceVector

    before = copies(case)
    instance = case.instances.get()
    store_embeddings(
        space=space, vectors=[InstanceVector(instance_id=instance.pk, vector=direction(1))]
    )

    assert copies(case) == before


def grant(user, role: str, project=None) -> None:
    Membership.objects.create(user=user, project=project, role=role)


@pytest.mark.parametrize(
    ("roles", "facts"),
    [
        ([], set()),
        ([("auditor", 0)], set()),
        ([("viewer", 0)], {"project=0"}),
        ([("viewer", 0), ("researcher", 0)], {"project=0"}),
        ([("viewer", 0), ("researcher", 1)], {"project=0", "deidentified-project=1"}),
        ([("viewer", None)], {"standard"}),
        ([("viewer", None), ("researcher", 1)], {"standard"}),
        ([("researcher", None), ("clinician", 1)], {"project=1", "deidentified-standard"}),
        ([("radiology_admin", 0)], {"project=0", "unassigned"}),
        ([("radiology_admin", 0), ("viewer", None)], None),
        ([("radiology_admin", None)], None),
    ],
)
def test_rights_as_facts(django_user_model, project, other_project, roles, facts):
    user = django_user_model.objects.create_user("somebody")
    projects = [project, other_project]
    for role, number in roles:
        grant(user, role, None if number is None else projects[number])

    expected = None
    if facts is not None:
        named = {f"={n}": f"={one.pk}" for n, one in enumerate(projects)}
        expected = {fact[:-2] + named[fact[-2:]] if "=" in fact else fact for fact in facts}
    assert readable_by(memberships_of(user)) == expected
    assert (expected or set()) <= facts_held()


def test_disabled_account_reads_nothing(radiologist):
    radiologist.is_active = False

    assert readable_by(memberships_of(radiologist)) == frozenset()


@pytest.mark.parametrize("exact_rows", [1000, 1], ids=["exact", "index"])
def test_stale_copy_shows_nobody_what_they_may_not_see(
    radiologist, space, project, other_project, exact_rows
):
    cases = [make_case(space, [direction(a)], projects=[project]) for a in np.linspace(0, 1, 12)]
    hidden = make_case(space, [direction(0.01)], projects=[other_project])
    # As if a trigger had been switched off: the copy claims what the truth denies.
    Embedding.objects.filter(series=hidden).update(facts=[f"project={project.pk}", "standard"])
    reconcile_realms(least_rows=1, least_facts=1)
    query = SimilarQuery(series=cases[0].series_instance_uid, k=5)

    answer = search_similar(radiologist, query, limits=SearchLimits(exact_rows=exact_rows))

    found = [result.series_uid for result in answer.results]
    assert found == [case.series_instance_uid for case in cases[1:6]]


@pytest.mark.parametrize("turn", [0, 1, 7])
def test_reconciler_mends_stale_copies(case, turn):
    before = copies(case)
    number_of_rows = Embedding.objects.filter(series=case).update(facts=[], patient_key=0)

    assert reconcile_copies(turn=turn) == number_of_rows
    assert reconcile_copies(turn=turn) == 0

    assert copies(case) == before


def test_reconciler_comes_to_every_study_in_its_turn(space, project):
    cases = [make_case(space, [direction(0)], projects=[project]) for _ in range(6)]
    Embedding.objects.update(facts=[])

    mended = [reconcile_copies(number=2, turn=turn) for turn in range(cases[-1].study_id // 2 + 1)]

    assert sum(mended) == Embedding.objects.count()
