"""A project for research, one that cares for patients, and jobs that are worked on at once."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.bulk import services, working
from archive.bulk.services import start_job
from archive.bulk.working import work_on_job
from archive.collections.services import create_collection
from archive.models import Membership, Project, Role
from tests.builders.identified import make_identified, make_report_beside
from tests.builders.stored import store_datasets


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch, tmp_path, settings):
    monkeypatch.setattr(services, "_wake", lambda _job: None)
    monkeypatch.setattr(working, "_PAUSE_S", 0)
    settings.TWINSIGHT_PSEUDONYM_KEYS = []
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH = tmp_path / "secrets" / "PSEUDONYM_KEYS"
    settings.TWINSIGHT_EXPORTS = tmp_path / "exports"


@pytest.fixture
def research(db):
    return Project.objects.create(name="Lung study", slug="lung-study", is_deidentified=True)


@pytest.fixture
def stored(project):
    """Two studies of a patient: two slices and a report, and one slice."""
    first, other = make_identified(), make_identified()
    same = {name: first[name].value for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    second = make_identified(**same, InstanceNumber=2)
    return store_datasets(first, second, make_report_beside(first), other, project=project)


@pytest.fixture
def do():
    """Ask for an act and do it; return the job."""

    def done(user, act, uids, **options):
        asker = Asker(door="portal", user=user)
        job = start_job(asker=asker, act=act, options=options, study_uids=uids)
        work_on_job(job.pk, for_s=600)
        job.refresh_from_db()
        return job

    return done


@pytest.fixture
def uid_of():
    """Return the Study Instance UID of an instance."""
    return lambda instance: instance.series.study.study_instance_uid


@pytest.fixture
def asker(radiologist):
    return Asker(door="tests", user=radiologist)


@pytest.fixture
def collection(radiologist, asker):
    return create_collection(radiologist, asker=asker, name="Nodules", kind="teaching")


@pytest.fixture
def quiz(radiologist, asker):
    return create_collection(radiologist, asker=asker, name="Friday quiz", kind="quiz")


@pytest.fixture
def as_role(project):
    """Give a person a role in the project, instead of what they had."""

    def give(user, role):
        Membership.objects.filter(user=user).delete()
        Membership.objects.create(user=user, project=project, role=Role(role))
        return user

    return give
