"""Studies that come from peers: asked for by people, and by rules before anybody asks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from archive.audit.types import Asker
from archive.dimse.listener import Listener
from archive.errors import (
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
)
from archive.events.services import relay_outbox
from archive.forwarding import fetches, fetching, prefetching
from archive.models import (
    AuditEvent,
    Fetch,
    Instance,
    Membership,
    Peer,
    PrefetchRule,
    Role,
    ScheduledStep,
    Study,
)
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)


class Holder:
    """An archive elsewhere, with a few data sets."""

    def __init__(self) -> None:
        self.datasets: list[Dataset] = []
        self.given: list[str] = []
        self.gives_anything = False

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer about studies by Patient ID alone."""
        wanted = event.identifier.get("PatientID") or ""
        for uid in dict.fromkeys(ds.StudyInstanceUID for ds in self.datasets):
            first = next(ds for ds in self.datasets if uid == ds.StudyInstanceUID)
            if wanted in {"", first.PatientID}:
                answer = Dataset()
                for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
                    setattr(answer, keyword, first.get(keyword))
                answer.PatientBirthDate = first.get("PatientBirthDate")
                answer.ModalitiesInStudy = first.Modality
                yield 0xFF00, answer

    def get(self, event: evt.Event) -> Iterator[object]:
        """Give the study that is asked for."""
        uid = event.identifier.StudyInstanceUID
        self.given.append(uid)
        found = [ds for ds in self.datasets if self.gives_anything or uid == ds.StudyInstanceUID]
        yield len(found)
        for ds in found:
            yield 0xFF00, ds


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def elsewhere(holder, project) -> Iterator[Peer]:
    ae = AE(ae_title="ELSEWHERE")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(context.abstract_syntax, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_C_FIND, holder.find), (evt.EVT_C_GET, holder.get)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    port = server.socket.getsockname()[1]
    yield Peer.objects.create(ae_title="ELSEWHERE", address="127.0.0.1", port=port, project=project)
    server.shutdown()


def days_ago(number: int) -> str:
    return (timezone.localdate() - timedelta(days=number)).strftime("%Y%m%d")


def run_all() -> None:
    """Do what a worker does, until nothing is due."""
    while keys := fetching.due_fetches():
        for key in keys:
            fetching.execute_fetch(key)


def test_peer_is_asked_and_a_study_comes(holder, elsewhere, admin, project) -> None:
    holder.datasets = [
        make_dataset(PatientID="P9", StudyInstanceUID="1.2.9", StudyDate="20200101"),
        make_dataset(PatientID="P9", StudyInstanceUID="1.2.9", StudyDate="20200101"),
    ]
    found = fetches.search_peer(asker=admin, peer_id=elsewhere.pk, keys={"PatientID": "P9"})
    assert [(row.study_uid, row.date, row.is_here) for row in found] == [
        ("1.2.9", "2020-01-01", False)
    ]

    assert fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"]) == 1
    assert fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"]) == 0
    run_all()

    fetch = Fetch.objects.get()
    assert (fetch.state, fetch.number_of_instances, fetch.message) == ("done", 2, "")
    study = Study.objects.get()
    assert list(study.projects.all()) == [project]
    assert study.number_of_study_related_instances == 2
    assert AuditEvent.objects.filter(act="fetch", study_instance_uid="1.2.9").exists()
    asked = AuditEvent.objects.get(act="query-peer")
    assert asked.details == {"peer": "ELSEWHERE", "keys": ["PatientID"], "results": 1}
    found = fetches.search_peer(asker=admin, peer_id=elsewhere.pk, keys={"PatientID": "P9"})
    assert found[0].is_here


def test_instances_of_another_study_are_refused(holder, elsewhere, admin) -> None:
    holder.datasets = [make_dataset(StudyInstanceUID="1.2.66")]
    holder.gives_anything = True
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"])
    run_all()

    fetch = Fetch.objects.get()
    assert (fetch.state, fetch.number_of_instances) == ("failed", 0)
    assert not Instance.objects.exists()


def test_peer_that_is_down_is_asked_again_later(elsewhere, admin) -> None:
    Peer.objects.update(port=1)
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"])
    run_all()

    fetch = Fetch.objects.get()
    assert (fetch.state, fetch.attempts) == ("waiting", 1)
    assert fetch.not_before > timezone.now()
    Fetch.objects.update(attempts=fetching.MAX_ATTEMPTS - 1, not_before=timezone.now())
    run_all()
    fetch.refresh_from_db()
    assert fetch.state == "failed"
    assert fetch.message
    fetches.retry_fetch(asker=admin, fetch_id=fetch.pk)
    fetch.refresh_from_db()
    assert (fetch.state, fetch.attempts) == ("waiting", 0)


def test_study_that_the_peer_has_not_is_a_failure(elsewhere, admin) -> None:
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.404"])
    run_all()
    assert Fetch.objects.get().state == "failed"


def test_what_a_dead_worker_fetched_is_fetched_again(holder, elsewhere, admin) -> None:
    holder.datasets = [make_dataset(StudyInstanceUID="1.2.9")]
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"])
    Fetch.objects.update(state="fetching", lease_until=timezone.now() - timedelta(seconds=1))
    run_all()
    assert Fetch.objects.get().state == "done"


def test_cancelled_fetch_stays_cancelled(elsewhere, admin) -> None:
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"])
    fetch = Fetch.objects.get()
    fetches.cancel_fetch(asker=admin, fetch_id=fetch.pk)
    run_all()
    fetch.refresh_from_db()
    assert fetch.state == "cancelled"
    with pytest.raises(InvalidRequestError):
        fetches.cancel_fetch(asker=admin, fetch_id=fetch.pk)


def test_requests_are_checked(elsewhere, admin, radiologist) -> None:
    nobody = Asker(door="portal", user=radiologist)
    with pytest.raises(NotAllowedError):
        fetches.search_peer(asker=nobody, peer_id=elsewhere.pk, keys={"PatientID": "1"})
    with pytest.raises(NotVisibleError):
        fetches.search_peer(asker=admin, peer_id=0, keys={"PatientID": "1"})
    for keys in ({}, {"PatientID": " "}, {"PatientSex": "F"}, {"PatientID": "a\x00"}):
        with pytest.raises(InvalidRequestError):
            fetches.search_peer(asker=admin, peer_id=elsewhere.pk, keys=keys)
    for uids in ([], ["no uid"]):
        with pytest.raises(InvalidRequestError):
            fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=uids)
    many = [f"1.2.{number}" for number in range(51)]
    with pytest.raises(LimitExceededError):
        fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=many)


def test_admins_of_single_projects_see_and_change_their_own_fetches(
    holder, elsewhere, admin, radiologist, project, rule
) -> None:
    Membership.objects.create(user=radiologist, project=project, role=Role.RADIOLOGY_ADMIN)
    local = Asker(door="portal", user=radiologist)
    holder.datasets = [
        make_dataset(PatientID="P9", StudyInstanceUID=f"1.2.{number}") for number in range(3)
    ]
    fetches.fetch_studies(
        asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.1"], patient_id="SECRET"
    )
    by_rule = Fetch.objects.create(
        peer=elsewhere, rule=rule, dicom_patient_id="P9", not_before=timezone.now()
    )
    fetches.fetch_studies(asker=local, peer_id=elsewhere.pk, study_uids=["1.2.2"])
    own = Fetch.objects.get(requested_by=radiologist)
    theirs = Fetch.objects.get(dicom_patient_id="SECRET")

    assert list(fetches.list_fetches(radiologist)) == [own]
    assert set(fetches.list_fetches(admin.user)) == {own, theirs, by_rule}
    for hidden in (theirs, by_rule):
        for act in (fetches.cancel_fetch, fetches.retry_fetch):
            with pytest.raises(NotVisibleError):
                act(asker=local, fetch_id=hidden.pk)
    assert set(Fetch.objects.values_list("state", flat=True)) == {"waiting"}
    for asker, wanted in ((local, {"1.2.2"}), (admin, {"1.2.1", "1.2.2"})):
        found = fetches.search_peer(asker=asker, peer_id=elsewhere.pk, keys={"PatientID": "P9"})
        assert {row.study_uid for row in found if row.is_on_the_way} == wanted
    assert fetches.cancel_fetch(asker=local, fetch_id=own.pk).state == "cancelled"


@pytest.fixture
def rule(elsewhere) -> PrefetchRule:
    return PrefetchRule.objects.create(
        name="CT priors",
        peer=elsewhere,
        is_enabled=True,
        modalities=["CT"],
        prior_modalities=["CT", "CR"],
        most_studies=2,
        most_years=5,
    )


def arrive(project, **attrs) -> None:
    wanted = {"PatientID": "P9", "Modality": "CT", "StudyDate": days_ago(0), **attrs}
    store_datasets(make_dataset(**wanted), project=project)
    relay_outbox()


def test_priors_of_who_is_examined_come_by_themselves(rule, holder, project) -> None:
    for uid, modality, age in (
        ("1.2.1", "CT", 100),
        ("1.2.2", "CR", 400),
        ("1.2.3", "CT", 800),
        ("1.2.4", "MR", 50),
        ("1.2.5", "CT", 365 * 9),
    ):
        holder.datasets.append(
            make_dataset(
                PatientID="P9", StudyInstanceUID=uid, Modality=modality, StudyDate=days_ago(age)
            )
        )
    arrive(project)
    arrive(project)
    run_all()

    assert sorted(holder.given) == ["1.2.1", "1.2.2"], "the two newest of the kinds and years"
    assert Study.objects.filter(study_instance_uid__in=["1.2.1", "1.2.2"]).count() == 2
    assert Fetch.objects.filter(study_instance_uid="").count() == 1, "asked once"
    relay_outbox()
    run_all()
    assert len(holder.given) == 2, "what came does not start it anew"


@pytest.mark.parametrize(
    "attrs",
    [{"Modality": "MR"}, {"StudyDate": "20100101"}, {"PatientID": ""}, {"PatientID": "P*"}],
)
def test_what_the_rule_does_not_mean_asks_for_nothing(rule, project, attrs) -> None:
    arrive(project, **attrs)
    assert not Fetch.objects.exists()


@pytest.mark.parametrize(
    "answer",
    [
        {"PatientID": "P99"},
        {"PatientID": "P9", "PatientBirthDate": "19000101"},
        {"PatientID": "P9", "IssuerOfPatientID": "ELSEWHERE"},
    ],
)
def test_answers_about_somebody_else_are_left(rule, project, answer) -> None:
    arrive(project, PatientBirthDate="19610402", IssuerOfPatientID="HERE")
    found = Dataset()
    found.StudyInstanceUID, found.ModalitiesInStudy = "1.2.1", "CT"
    found.StudyDate = days_ago(10)
    for keyword, value in answer.items():
        setattr(found, keyword, value)

    assert prefetching.queue_priors(Fetch.objects.get(), [found]) == 0


def test_study_that_is_here_is_not_fetched_again(rule, holder, project) -> None:
    prior = {"StudyInstanceUID": "1.2.1", "StudyDate": days_ago(100)}
    holder.datasets = [make_dataset(PatientID="P9", **prior)]
    store_datasets(holder.datasets[0], project=project)
    arrive(project)
    run_all()
    assert holder.given == []


def test_priors_of_who_is_expected_come_to_where_they_are_expected(
    rule, holder, elsewhere, project
) -> None:
    Peer.objects.update(project=None)
    holder.datasets = [
        make_dataset(PatientID="P9", StudyInstanceUID="1.2.1", StudyDate=days_ago(30))
    ]
    step = ScheduledStep.objects.create(
        project=project,
        dicom_patient_id="P9",
        patient_name="Doe^Jane",
        study_instance_uid="1.2.50",
        requested_procedure_id="R1",
        scheduled_step_id="S1",
        modality="CT",
        scheduled_date=timezone.localdate(),
    )
    prefetching.note_scheduled_steps([step.pk])
    run_all()

    assert list(Study.objects.get(study_instance_uid="1.2.1").projects.all()) == [project]


@pytest.fixture
def listener(holder, elsewhere, settings) -> Iterator[Listener]:
    """The archive's own door, to which the other archive moves what it does not give."""
    title = settings.TWINSIGHT_AE_TITLE
    with Listener(ae_title=title, bind="127.0.0.1", port=0) as running:
        yield running


def test_peer_without_c_get_moves_the_study_here(
    listener, holder, elsewhere, admin, project
) -> None:
    def move(event: evt.Event) -> Iterator[object]:
        assert event.move_destination == "TWINSIGHT"
        yield "127.0.0.1", listener.port
        yield len(holder.datasets)
        for ds in holder.datasets:
            yield 0xFF00, ds

    holder.datasets = [
        make_dataset(StudyInstanceUID="1.2.9"),
        make_dataset(StudyInstanceUID="1.2.9"),
    ]
    ae = AE(ae_title="ELSEWHERE")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    ae.add_requested_context(CTImageStorage)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_MOVE, move)])
    Peer.objects.update(port=server.socket.getsockname()[1])
    fetches.fetch_studies(asker=admin, peer_id=elsewhere.pk, study_uids=["1.2.9"])
    run_all()
    server.shutdown()

    fetch = Fetch.objects.get()
    assert (fetch.state, fetch.number_of_instances) == ("done", 2), fetch.message
    assert list(Study.objects.get().projects.all()) == [project]
