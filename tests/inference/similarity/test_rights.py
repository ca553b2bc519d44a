"""Rights against brute force: random projects, memberships, people, vectors and metrics.

What a person may see is computed here from the memberships alone, by rules written anew.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from archive.models import BreakGlass, Membership, Patient, Project, Series, Study, StudyGrant
from inference.models import Embedding, EmbeddingSpace
from inference.similarity.permitted import compile_permitted
from inference.similarity.planning import SearchLimits
from inference.similarity.ranking import Ranking, count_siblings, rank
from inference.similarity.realms import reconcile_realms
from inference.similarity.spaces.registry import ensure_space_indexes
from inference.similarity.types import Filters, Level
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from inference.similarity.permitted import Part

pytestmark = pytest.mark.django_db

DIMENSION, SERIES, PEOPLE, QUESTIONS = 12, 160, 6, 5
ROLES = ("viewer", "clinician", "researcher", "auditor", "radiology_admin", "system", "annotator")
READING = {"viewer", "clinician", "annotator", "radiology_admin", "system"}
ONLY_EXACT, ONLY_INDEX = SearchLimits(exact_rows=10**6), SearchLimits(exact_rows=0)


@dataclass
class Item:
    """A series with what decides who sees it."""

    row: int
    patient: int
    study: int
    series: int
    projects: set[int]
    is_deidentified: bool
    modality: str
    vector: np.ndarray


@dataclass
class Archive:
    """Rows in the database and the same in memory."""

    space: EmbeddingSpace
    projects: list[Project]
    held: dict[int, list[tuple[str, int | None]]]
    items: list[Item]
    granted: set[tuple[int, int]] = field(default_factory=set)
    in_emergency: set[tuple[int, int]] = field(default_factory=set)

    def sees(self, user_id: int, item: Item) -> bool:
        if self.sees_by_role(user_id, item):
            return True
        if (user_id, item.study) not in self.granted and (
            (user_id, item.patient) not in self.in_emergency
        ):
            return False
        roles = {role for role, _ in self.held[user_id]} & (READING | {"researcher"})
        return roles != {"researcher"} or item.is_deidentified

    def sees_by_role(self, user_id: int, item: Item) -> bool:
        standard = {p.pk for p in self.projects if p.kind == "standard"}
        roles = self.held[user_id]
        for project in item.projects:
            if project not in standard:
                if any(role == "radiology_admin" for role, _ in roles):
                    return True
                continue
            here = {role for role, where in roles if where in (None, project)}
            if here & READING or ("researcher" in here and item.is_deidentified):
                return True
        return False


def score(metric: str, a: np.ndarray, b: np.ndarray) -> float:
    if metric == "euclidean":
        return float(1 / (1 + np.linalg.norm(a - b)))
    product = float(a @ b)
    return product if metric == "inner_product" else product / np.linalg.norm(a) / np.linalg.norm(b)


def make_archive(rng: np.random.Generator, metric: str) -> Archive:
    version = ModelVersionFactory(task="embed")
    space = EmbeddingSpace.objects.create(
        name=f"random-{metric}", dimension=DIMENSION, model_version=version, metric=metric
    )
    number = int(rng.integers(1, 5))
    projects = [Project.objects.create(name=f"R{n}", slug=f"r{n}") for n in range(number)]
    projects += Project.objects.filter(kind="unassigned")
    held: dict[int, list[tuple[str, int | None]]] = {}
    for person in range(PEOPLE):
        user = User.objects.create_user(f"person{person}")
        wanted = {
            (str(rng.choice(ROLES)), None if rng.random() < 0.15 else projects[int(n)].pk)
            for n in rng.integers(0, len(projects), size=int(rng.integers(0, 4)))
        }
        for role, project in wanted:
            Membership.objects.create(user=user, role=role, project_id=project)
        held[user.pk] = sorted(wanted, key=str)
    archive = Archive(space, projects, held, make_items(rng, space, projects))
    add_single_studies(rng, archive)
    return archive


def add_single_studies(rng: np.random.Generator, archive: Archive) -> None:
    later = timezone.now() + timedelta(hours=1)
    for user_id in rng.choice(list(archive.held), size=PEOPLE // 2, replace=False):
        for item in rng.choice(archive.items, size=3, replace=False):
            if (key := (int(user_id), item.study)) not in archive.granted:
                StudyGrant.objects.create(user_id=key[0], study_id=key[1], expires_at=later)
                archive.granted.add(key)
        BreakGlass.objects.create(user_id=user_id, patient_id=item.patient, expires_at=later)
        archive.in_emergency.add((int(user_id), item.patient))


def make_items(
    rng: np.random.Generator, space: EmbeddingSpace, projects: list[Project]
) -> list[Item]:
    items: list[Item] = []
    while len(items) < SERIES:
        patient = Patient.objects.create(dicom_patient_id=f"R{len(items)}")
        for _ in range(int(rng.integers(1, 4))):
            chosen = rng.choice(len(projects), size=min(len(projects), int(rng.integers(1, 3))))
            study = Study.objects.create(
                patient=patient,
                study_instance_uid=f"2.25.91.{len(items)}.{rng.integers(10**9)}",
                is_deidentified=bool(rng.random() < 0.4),
            )
            study.projects.set([projects[int(n)] for n in chosen])
            for _ in range(int(rng.integers(1, 4))):
                items.append(make_item(rng, space, study, items))
                items[-1].projects = {projects[int(n)].pk for n in chosen}
    return items


def make_item(
    rng: np.random.Generator, space: EmbeddingSpace, study: Study, items: list[Item]
) -> Item:
    series = Series.objects.create(
        study=study,
        series_instance_uid=f"2.25.92.{len(items)}.{rng.integers(10**9)}",
        modality=str(rng.choice(["CT", "MR"])),
    )
    vector = np.abs(rng.normal(size=DIMENSION)) + 0.3 * rng.normal(size=DIMENSION)
    if items and rng.random() < 0.05:
        vector = items[int(rng.integers(len(items)))].vector
    vector = vector.astype(np.float16).astype(np.float64)
    row = Embedding.objects.create(
        space=space, level="series", study=study, series=series, vector=vector
    )
    return Item(
        row=row.pk,
        patient=study.patient_id,
        study=study.pk,
        series=series.pk,
        projects=set(),
        is_deidentified=study.is_deidentified,
        modality=series.modality,
        vector=vector,
    )


@dataclass
class Question:
    """What is asked, and the rows that may answer by brute force."""

    user: User
    vector: np.ndarray
    level: Level
    fold: bool
    k: int
    filters: Filters

    def expected(self, archive: Archive) -> list[tuple[float, int]]:
        """Score and siblings of each result, best first."""
        groups: dict[int, list[Item]] = defaultdict(list)
        for item in archive.items:
            if archive.sees(self.user.pk, item) and (
                not self.filters.modality or item.modality in self.filters.modality
            ):
                unit = item.study if self.level is Level.STUDY else item.row
                groups[item.patient if self.fold else unit].append(item)
        metric = archive.space.metric
        rows = [
            (
                max(score(metric, item.vector, self.vector) for item in members),
                len({item.study if self.level is Level.STUDY else item.row for item in members})
                - 1,
            )
            for members in groups.values()
        ]
        return sorted(rows, key=lambda row: -row[0])[: self.k]

    def permitted(self, archive: Archive) -> list[Part]:
        from inference.similarity.filters import Scope

        scope = Scope(level=self.level, filters=self.filters)
        return compile_permitted(self.user, archive.space, scope, self.vector)

    def ranked(self, archive: Archive, permitted: list[Part], limits: SearchLimits) -> Ranking:
        return rank(
            space=archive.space,
            permitted=permitted,
            level=self.level,
            k=self.k,
            fold=self.fold,
            limits=limits,
        )


def questions(rng: np.random.Generator, archive: Archive) -> list[Question]:
    made = []
    for user_id in archive.held:
        for _ in range(QUESTIONS):
            near = archive.items[int(rng.integers(len(archive.items)))].vector
            made.append(
                Question(
                    user=User.objects.get(pk=user_id),
                    vector=(near + 0.1 * rng.normal(size=DIMENSION)).astype(np.float32),
                    level=Level(str(rng.choice(["series", "study"]))),
                    fold=bool(rng.random() < 0.5),
                    k=int(rng.choice([1, 5, 10, 300])),
                    filters=Filters(modality=("CT",)) if rng.random() < 0.3 else Filters(),
                )
            )
    return made


def assert_rows_are_permitted(question: Question, archive: Archive, ranking: Ranking) -> None:
    items = {item.row: item for item in archive.items}
    for row in ranking.rows:
        item = items[row.embedding_id]
        assert archive.sees(question.user.pk, item)
        assert (row.patient_id, row.study_id, row.series_id) == (
            item.patient,
            item.study,
            item.series,
        )
        true = score(archive.space.metric, item.vector, question.vector)
        assert row.score == pytest.approx(true, rel=2e-3, abs=1e-3)


@pytest.mark.parametrize("metric", EmbeddingSpace.Metric.values)
@pytest.mark.parametrize("seed", [1, 2])
def test_t33_search_scope_of_random_archives_as_by_brute_force(metric: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    archive = make_archive(rng, metric)
    ensure_space_indexes(archive.space)
    reconcile_realms(least_rows=1, least_facts=1)
    found = wanted = walked = 0
    for question in questions(rng, archive):
        expected = question.expected(archive)
        permitted = question.permitted(archive)

        exact = question.ranked(archive, permitted, ONLY_EXACT)
        index = question.ranked(archive, permitted, ONLY_INDEX)

        assert exact.is_exact
        assert_rows_are_permitted(question, archive, exact)
        scores = [row.score for row in exact.rows]
        np.testing.assert_allclose(scores, [row[0] for row in expected], rtol=2e-3, atol=1e-3)
        assert_siblings(question, permitted, exact, expected)
        assert_equals_go_by_age(archive, exact)
        assert_rows_are_permitted(question, archive, index)
        assert len(index.rows) == len(expected)
        found += len({r.embedding_id for r in exact.rows} & {r.embedding_id for r in index.rows})
        wanted += len(expected)
        walked += not index.is_exact
    # With a budget of nothing, whoever has single studies is answered exactly.
    assert walked > PEOPLE // 2
    assert found >= 0.98 * wanted


def assert_siblings(
    question: Question, permitted: list[Part], ranking: Ranking, expected: list[tuple[float, int]]
) -> None:
    if not question.fold:
        return
    patients = [row.patient_id for row in ranking.rows]
    counted: dict[int, Any] = count_siblings(permitted, patients, question.level)
    assert (
        sorted(counted[key] for key in patients) == sorted(row[1] for row in expected)
        or len(expected) == question.k
    )
    assert len(counted) == len(set(patients)) == len(patients)


def assert_equals_go_by_age(archive: Archive, ranking: Ranking) -> None:
    vectors = {item.row: item.vector for item in archive.items}
    for first, second in zip(ranking.rows, ranking.rows[1:], strict=False):
        if np.array_equal(vectors[first.embedding_id], vectors[second.embedding_id]):
            assert first.embedding_id < second.embedding_id
