"""A collection with one case of each kind, and who asks for it."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.collections.cases import add_case
from archive.collections.services import create_collection
from archive.collections.types import CasePath
from archive.models import Membership, Role
from tests.factories.archive import InstanceFactory, PatientFactory, SeriesFactory, StudyFactory


@pytest.fixture
def asker(radiologist):
    return Asker(door="tests", user=radiologist)


@pytest.fixture
def make_case(project):
    def make(*projects, frames=None, modality="CT", name="Doe^Jane"):
        patient = PatientFactory(patient_name=name)
        study = StudyFactory(patient=patient, projects=projects or [project])
        series = SeriesFactory(study=study, modality=modality, series_number=1)
        instance = InstanceFactory(series=series, number_of_frames=frames)
        return CasePath(
            study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid
        )

    return make


@pytest.fixture
def collection(radiologist, asker):
    return create_collection(radiologist, asker=asker, name="Nodules", kind="teaching")


@pytest.fixture
def quiz(radiologist, asker):
    return create_collection(radiologist, asker=asker, name="Friday quiz", kind="quiz")


@pytest.fixture
def filled(radiologist, asker, collection, make_case):
    """A collection with three cases; returns their keys."""
    return [
        add_case(radiologist, collection, CasePath(study_uid=make_case().study_uid), asker=asker)[0]
        for _ in range(3)
    ]


@pytest.fixture
def as_role(project):
    """Give a person a role in the project, instead of what they had."""

    def give(user, role, *, project=project):
        Membership.objects.filter(user=user).delete()
        Membership.objects.create(user=user, project=project, role=Role(role))
        return user

    return give
