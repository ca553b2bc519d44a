"""A random archive and its brute-force twin: what a search must answer, computed without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.contrib.auth.models import User

from archive.models import Blob, Instance, Membership, Patient, Project, Series, Study
from inference.models import Embedding, EmbeddingSpace, Label
from tests.builders.vectors import DIMENSION

MODALITIES = ("CT", "MR", "CR", "US")
BODY_PARTS = ("CHEST", "HEAD", "ABDOMEN", "")
LABELS = ("nodule", "effusion", "normal")
# Project numbers a user reads, and whether only what is de-identified there.
PEOPLE: dict[str, tuple[frozenset[int], bool]] = {
    "one_project": (frozenset({0}), False),
    "two_projects": (frozenset({0, 1}), False),
    "everything": (frozenset({0, 1, 2}), False),
    "researcher": (frozenset({0, 1, 2}), True),
    "nobody": (frozenset(), False),
}


@dataclass(frozen=True)
class Item:
    """One series of the world with all that a filter can ask."""

    patient_id: int
    study_id: int
    series_id: int
    series_uid: str
    study_uid: str
    modality: str
    body_part: str
    sex: str
    age: int
    day: date
    projects: frozenset[int]
    is_deidentified: bool
    labels: frozenset[str]
    vector: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True)
class World:
    """The rows in the database and their twin in memory."""

    space: EmbeddingSpace
    people: dict[str, User]
    projects: list[Project]
    items: list[Item]

    def permitted(self, person: str) -> list[Item]:
        """Series that the person may see, by rules of their own."""
        if person == "admin":
            return list(self.items)
        numbers, only_deidentified = PEOPLE[person]
        return [
            item
            for item in self.items
            if item.projects & numbers and (item.is_deidentified or not only_deidentified)
        ]


def make_world(space: EmbeddingSpace, rng: np.random.Generator, *, patients: int = 40) -> World:
    """Fill the database with patients, studies, series and their vectors at random."""
    projects = [Project.objects.create(name=f"P{n}", slug=f"p{n}") for n in range(3)]
    people = {name: _person(name, projects) for name in PEOPLE}
    people["admin"] = User.objects.create_user("admin")
    Membership.objects.create(user=people["admin"], project=None, role="radiology_admin")
    centres = rng.normal(size=(8, DIMENSION))
    items: list[Item] = []
    for number in range(patients):
        patient = Patient.objects.create(
            dicom_patient_id=f"P{number}", patient_sex=str(rng.choice(["F", "M", "O"]))
        )
        for _ in range(int(rng.integers(1, 4))):
            items.extend(_study(patient, projects, centres, rng, len(items)))
    _store(space, items)
    return World(space, people, projects, items)


def _person(name: str, projects: list[Project]) -> User:
    user = User.objects.create_user(name)
    numbers, only_deidentified = PEOPLE[name]
    role = "researcher" if only_deidentified else "viewer"
    for number in numbers:
        Membership.objects.create(user=user, project=projects[number], role=role)
    return user


def _study(
    patient: Patient,
    projects: list[Project],
    centres: npt.NDArray[np.float64],
    rng: np.random.Generator,
    serial: int,
) -> list[Item]:
    chosen = frozenset(int(n) for n in rng.choice(3, size=int(rng.integers(1, 3)), replace=False))
    age, day = int(rng.integers(1, 90)), date(2020, 1, 1) + timedelta(int(rng.integers(0, 1000)))
    study = Study.objects.create(
        patient=patient,
        study_instance_uid=f"2.25.1.{serial}",
        study_date=day,
        patient_age=f"{age:03d}Y",
        is_deidentified=bool(rng.random() < 0.5),
    )
    study.projects.add(*(projects[number] for number in chosen))
    label = str(rng.choice(LABELS))
    Label.objects.create(study=study, label_set="findings", label=label)
    return [
        _series(study, chosen, age, frozenset({label}), centres, rng, serial + number)
        for number in range(int(rng.integers(1, 4)))
    ]


def _series(
    study: Study,
    projects: frozenset[int],
    age: int,
    labels: frozenset[str],
    centres: npt.NDArray[np.float64],
    rng: np.random.Generator,
    serial: int,
) -> Item:
    series = Series.objects.create(
        study=study,
        series_instance_uid=f"2.25.2.{serial}",
        modality=str(rng.choice(MODALITIES)),
        body_part_examined=str(rng.choice(BODY_PARTS)),
    )
    vector = centres[int(rng.integers(len(centres)))] + 0.5 * rng.normal(size=DIMENSION)
    return Item(
        patient_id=study.patient_id,
        study_id=study.pk,
        series_id=series.pk,
        series_uid=series.series_instance_uid,
        study_uid=study.study_instance_uid,
        modality=series.modality,
        body_part=series.body_part_examined,
        sex=study.patient.patient_sex,
        age=age,
        day=study.study_date or date.min,
        projects=projects,
        is_deidentified=study.is_deidentified,
        labels=labels,
        vector=as_stored(vector / np.linalg.norm(vector)),
    )


def as_stored(vector: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Round as `halfvec` does."""
    return np.asarray(vector).astype(np.float16).astype(np.float32)


def cosine(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """Return the cosine in double precision."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def _store(space: EmbeddingSpace, items: list[Item]) -> None:
    # Images without series' means: every series has one image with the series' own vector.
    blobs = Blob.objects.bulk_create(
        Blob(sha256=f"{item.series_id:064x}", size_bytes=1) for item in items
    )
    made = Instance.objects.bulk_create(
        Instance(
            series_id=item.series_id,
            sop_instance_uid=f"2.25.4.{item.series_id}",
            dataset_sha256=f"{item.series_id:064x}",
            blob=blob,
        )
        for item, blob in zip(items, blobs, strict=True)
    )
    instances = {instance.series_id: instance for instance in made}
    rows = []
    for item in items:
        common = {
            "space": space,
            "study_id": item.study_id,
            "series_id": item.series_id,
            "vector": item.vector,
        }
        rows.append(Embedding(level="series", **common))
        rows.append(Embedding(level="instance", instance=instances[item.series_id], **common))
    Embedding.objects.bulk_create(rows)
