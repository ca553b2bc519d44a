"""Acts on many studies: asked for, done step by step, stopped, taken over from a dead worker."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from io import BytesIO

import psycopg
import pydicom
import pytest
from django.db import connection
from django.utils import timezone

from archive.audit.types import Asker
from archive.bulk import exporting, registry, services, working
from archive.bulk.exporting import open_result, remove_old_results
from archive.bulk.selectors import job_view, list_jobs
from archive.bulk.services import cancel_job, start_job
from archive.bulk.types import Act
from archive.bulk.working import due_jobs, work_on_job
from archive.errors import (
    GoneError,
    InvalidRequestError,
    LimitExceededError,
    NotAllowedError,
    NotVisibleError,
    StateConflictError,
    StorageError,
)
from archive.models import (
    AuditEvent,
    BulkItem,
    BulkJob,
    Collection,
    Instance,
    Membership,
    Series,
    Study,
)
from archive.query.worklist import WorklistFilters
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets
from tests.factories.archive import StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(services, "_wake", lambda _job: None)
    monkeypatch.setattr(working, "_PAUSE_S", 0)


@pytest.fixture
def studies(project):
    return [StudyFactory(projects=[project]).study_instance_uid for _ in range(4)]


def asker(user):
    return Asker(door="portal", user=user, address="10.0.0.9")


@pytest.fixture
def act(monkeypatch):
    """An act that notes what it is given and does as told."""
    seen = []
    told = {}

    def step(work, uid):
        seen.append(uid)
        answer = told.get(uid, "fine")
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer(work)
            answer = "called"
        return answer

    monkeypatch.setattr(registry, "_acts", {})
    registry.register_act(
        Act(
            name="try",
            label="Try",
            icon="check",
            is_for=lambda user: user.username != "colleague",
            step=step,
        )
    )
    act.seen, act.told = seen, told
    return act


def begin(user, uids=(), **more):
    return start_job(asker=asker(user), act="try", options={}, study_uids=uids, **more)


def states(job):
    return list(job.items.order_by("pk").values_list("state", flat=True))


def test_each_study_is_done_and_counted_and_one_failure_takes_no_other_with_it(
    radiologist, studies, act
):
    act.told = act.told.update(
        {
            studies[1]: NotAllowedError("Not this one."),
            studies[2]: RuntimeError("a bug"),
            studies[3]: [StorageError("busy"), "at the second try"],
        }
    )
    job = begin(radiologist, studies)

    assert due_jobs() == [job.pk]
    assert work_on_job(job.pk, for_s=600) is False

    job.refresh_from_db()
    assert (job.state, job.number_done, job.number_failed) == ("done", 2, 2)
    assert states(job) == ["done", "failed", "failed", "done"]
    assert (job.lease_until, due_jobs()) == (None, [])
    view = job_view(radiologist, job.pk)
    assert (view.percent, [message for _, _, message in view.troubles]) == (
        100,
        ["Not this one.", "Something went wrong in the archive itself."],
    )
    assert AuditEvent.objects.filter(act="request-job", details__studies=4).exists()


def test_what_is_asked_is_checked(radiologist, colleague, outsider, studies, act, settings):
    for user, uids, error in (
        (radiologist, [], InvalidRequestError),
        (radiologist, ["no uid"], InvalidRequestError),
        (radiologist, [*studies, "1.2.3"], InvalidRequestError),
        (outsider, studies, InvalidRequestError),
        (colleague, studies, NotAllowedError),
    ):
        with pytest.raises(error):
            begin(user, uids)
    with pytest.raises(InvalidRequestError):
        start_job(asker=asker(radiologist), act="none", options={}, study_uids=studies)
    settings.TWINSIGHT_BULK_MAX_STUDIES = 3
    for more in ({"uids": studies}, {"filters": WorklistFilters()}):
        with pytest.raises(LimitExceededError):
            begin(radiologist, **more)
    assert not BulkJob.objects.exists()


def test_all_that_a_list_shows_is_taken(radiologist, studies, act, other_project):
    StudyFactory(projects=[other_project])

    job = begin(radiologist, filters=WorklistFilters())

    assert set(job.items.values_list("study_instance_uid", flat=True)) == set(studies)


def test_a_dead_worker_is_followed_at_its_step_and_a_second_delivery_finds_nothing(
    radiologist, studies, act
):
    class Died(BaseException):
        pass

    act.told[studies[1]] = [Died(), "fine"]
    job = begin(radiologist, studies)

    with pytest.raises(Died):
        work_on_job(job.pk, for_s=600)
    assert (states(job), due_jobs()) == (["done", "waiting", "waiting", "waiting"], [])
    assert work_on_job(job.pk, for_s=600) is False
    assert act.seen == studies[:2]

    BulkJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert due_jobs() == [job.pk]
    work_on_job(job.pk, for_s=600)

    assert states(job) == ["done"] * 4
    assert act.seen == [studies[0], studies[1], studies[1], *studies[2:]]


def test_a_study_that_workers_die_of_is_set_aside(radiologist, studies, act):
    class Died(BaseException):
        pass

    act.told[studies[0]] = [Died() for _ in range(9)]
    job = begin(radiologist, studies)
    for _ in range(working.MAX_DEATHS):
        with pytest.raises(Died):
            work_on_job(job.pk, for_s=600)
        BulkJob.objects.update(lease_until=None)

    work_on_job(job.pk, for_s=600)

    assert states(job) == ["failed", "done", "done", "done"]


def test_a_job_ends_though_its_end_fails_or_workers_die_of_it(radiologist, studies, monkeypatch):
    monkeypatch.setattr(registry, "_acts", {})
    finishes = []

    def finish(_work):
        finishes.append(1)
        raise RuntimeError("a bug")

    whole = Act("end", "End", "check", lambda _: True, lambda *_: "fine", finish=finish)
    registry.register_act(whole)
    for deaths, message in ((0, "Something went wrong"), (4, "workers died")):
        job = start_job(asker=asker(radiologist), act="end", options={}, study_uids=studies[:1])
        if deaths:
            job.items.update(state="done")
            BulkJob.objects.filter(pk=job.pk).update(attempts=deaths)
        assert work_on_job(job.pk, for_s=600) is False
        job.refresh_from_db()
        assert (job.state, due_jobs()) == ("failed", [])
        assert message in job.error
    assert len(finishes) == 1


def test_who_lost_the_lease_writes_nothing_more(radiologist, studies, act):
    job = begin(radiologist, studies)
    act.told[studies[1]] = lambda _work: BulkJob.objects.update(
        lease_until=timezone.now() + timedelta(minutes=9)
    )

    assert work_on_job(job.pk, for_s=600) is False

    assert states(job) == ["done", "waiting", "waiting", "waiting"]
    job.refresh_from_db()
    assert (job.state, job.number_done) == ("running", 1)


def test_a_worker_that_is_only_slow_is_followed_by_nobody(radiologist, studies, act):
    job = start_job(asker=asker(radiologist), act="try", options={}, study_uids=studies)
    # Its lease is over, and it still writes: two would write the same file.
    with psycopg.connect(**plain_parameters(), autocommit=True) as slow:
        turn = [str(job.pk), working._LOCK]
        slow.execute("SELECT pg_advisory_lock(hashtextextended(%s, %s))", turn)
        assert work_on_job(job.pk, for_s=600) is False
        # The end of a connection is heard of some time later.
        slow.execute("SELECT pg_advisory_unlock(hashtextextended(%s, %s))", turn)
    assert act.seen == []
    assert due_jobs() == [job.pk]

    work_on_job(job.pk, for_s=600)
    assert act.seen == studies


def plain_parameters():
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return parameters


def test_work_goes_on_in_slices(radiologist, studies, act):
    job = begin(radiologist, studies)

    assert work_on_job(job.pk, for_s=-1) is True
    assert due_jobs() == [job.pk]
    assert act.seen == []


def test_a_job_is_stopped_behind_its_step_or_before_it_began(radiologist, outsider, studies, act):
    waiting, running = begin(radiologist, studies[:2]), begin(radiologist, studies)
    act.told[studies[1]] = lambda _work: cancel_job(asker=asker(radiologist), job_id=running.pk)

    assert cancel_job(asker=asker(radiologist), job_id=waiting.pk).state == "cancelled"
    work_on_job(running.pk, for_s=600)

    running.refresh_from_db()
    assert (running.state, states(running)) == ("cancelled", ["done", "done", "waiting", "waiting"])
    with pytest.raises(StateConflictError):
        cancel_job(asker=asker(radiologist), job_id=running.pk)
    with pytest.raises(NotVisibleError):
        cancel_job(asker=asker(outsider), job_id=waiting.pk)
    assert list_jobs(outsider) == []


def test_rights_are_those_of_the_moment(radiologist, studies, project):
    collection = Collection.objects.create(owner=radiologist, name="Mine")
    job = start_job(
        asker=asker(radiologist),
        act="collect",
        options={"collection": str(collection.pk)},
        study_uids=studies,
    )
    Membership.objects.filter(user=radiologist).delete()

    work_on_job(job.pk, for_s=600)

    assert states(job) == ["failed"] * 4
    assert not collection.items.exists()
    job.refresh_from_db()
    assert job.state == "failed"


@pytest.mark.parametrize("value", ["", "x", "99999999", "1" * 40])
def test_options_are_those_that_are_offered(radiologist, studies, value):
    for act, name in (("collect", "collection"), ("run-model", "model")):
        with pytest.raises(InvalidRequestError):
            start_job(asker=asker(radiologist), act=act, options={name: value}, study_uids=studies)


def test_collecting_and_deleting(archive_admin, studies):
    collection = Collection.objects.create(owner=archive_admin, name="Mine")
    values = {"collection": str(collection.pk)}
    for _ in range(2):
        job = start_job(
            asker=asker(archive_admin), act="collect", options=values, study_uids=studies[:2]
        )
        work_on_job(job.pk, for_s=600)
    assert (states(job), collection.items.count()) == (["skipped"] * 2, 2)

    with pytest.raises(InvalidRequestError):
        start_job(asker=asker(archive_admin), act="delete", options={}, study_uids=studies)


@pytest.fixture
def pair(project, settings, tmp_path):
    settings.TWINSIGHT_EXPORTS = tmp_path / "exports"
    return store_datasets(make_dataset(), make_dataset(), project=project)


def _export(user, uids):
    return start_job(asker=asker(user), act="export", options={}, study_uids=uids)


def _uids(instances):
    return list(dict.fromkeys(one.series.study.study_instance_uid for one in instances))


def test_export_is_a_zip_of_what_the_archive_gives_out(radiologist, outsider, pair):
    job = _export(radiologist, _uids(pair))
    work_on_job(job.pk, for_s=600)

    file, name, size = open_result(asker=asker(radiologist), job_id=job.pk)
    content = b"".join(exporting.chunks_of(file))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        read = [pydicom.dcmread(BytesIO(archive.read(one))) for one in archive.namelist()]  # noqa: TID251

    assert (len(content), name) == (size, f"studies-{job.pk}.zip")
    assert {ds.SOPInstanceUID for ds in read} == {one.sop_instance_uid for one in pair}
    acts = AuditEvent.objects.values_list("act", flat=True)
    assert {"export", "download-job"} <= set(acts)
    with pytest.raises(NotVisibleError):
        open_result(asker=asker(outsider), job_id=job.pk)


def test_export_cut_off_in_the_middle_of_a_study_is_whole_again(radiologist, pair, monkeypatch):
    uids = _uids(pair)
    job = _export(radiologist, uids)
    add, turns = exporting._add, []

    def dying(archive, instance, keep):
        turns.append(instance.pk)
        if len(turns) == 2:
            archive.fp.write(b"half of something")
            archive.fp.flush()
            raise SystemExit
        return add(archive, instance, keep)

    monkeypatch.setattr(exporting, "_add", dying)
    with pytest.raises(SystemExit):
        work_on_job(job.pk, for_s=600)
    path = next(exporting.exports_folder().glob("*.zip"))
    # What a killed process leaves: no end of the ZIP.
    with path.open("rb+") as broken:
        broken.truncate(path.stat().st_size - 10)
    BulkJob.objects.update(lease_until=None)
    work_on_job(job.pk, for_s=600)

    file, _, _ = open_result(asker=asker(radiologist), job_id=job.pk)
    with file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(pair)
        assert {name.partition("/")[0] for name in archive.namelist()} == set(uids)


def test_results_go_with_their_time_and_with_the_right_to_them(radiologist, pair):
    job = _export(radiologist, _uids(pair))
    work_on_job(job.pk, for_s=600)
    assert remove_old_results() == 0

    Membership.objects.filter(user=radiologist).update(role="viewer")
    with pytest.raises(NotAllowedError):
        open_result(asker=asker(radiologist), job_id=job.pk)
    Membership.objects.filter(user=radiologist).update(role="clinician")
    BulkJob.objects.update(result_until=timezone.now())
    with pytest.raises(GoneError):
        open_result(asker=asker(radiologist), job_id=job.pk)
    assert remove_old_results() == 1
    assert not list(exporting.exports_folder().iterdir())


def test_what_lies_in_a_file_counts_whatever_was_said_of_it(radiologist, pair):
    """A worker died after it wrote a study; its follower found that the study is theirs no more."""
    job = _export(radiologist, _uids(pair))
    work_on_job(job.pk, for_s=600)
    lost = Study.objects.get(study_instance_uid=_uids(pair)[0])
    BulkItem.objects.filter(job=job, study_instance_uid=_uids(pair)[0]).update(state="failed")
    open_result(asker=asker(radiologist), job_id=job.pk)[0].close()
    lost.projects.clear()

    with pytest.raises(NotAllowedError):
        open_result(asker=asker(radiologist), job_id=job.pk)


@pytest.mark.parametrize(
    "since", ["image deleted", "image rejected", "series on trial", "image moved", "purged"]
)
def test_a_file_with_what_is_no_longer_shown_does_not_leave(radiologist, pair, monkeypatch, since):
    monkeypatch.setattr(exporting, "_ASKED_AT_ONCE", 1)
    job = _export(radiologist, _uids(pair))
    work_on_job(job.pk, for_s=600)
    open_result(asker=asker(radiologist), job_id=job.pk)[0].close()
    image, other = pair[0], pair[-1]
    rows = Instance.objects.filter(pk=image.pk)
    if since.startswith("image "):
        state = since.removeprefix("image ")
        rows.update(**({"series": other.series} if state == "moved" else {"withheld": state}))
    elif since == "purged":
        rows.delete()
    else:
        Series.objects.filter(pk=image.series_id).update(withheld="trial")

    with pytest.raises(NotAllowedError, match="export again"):
        open_result(asker=asker(radiologist), job_id=job.pk)

    again = _export(radiologist, _uids(pair))
    work_on_job(again.pk, for_s=600)
    open_result(asker=asker(radiologist), job_id=again.pk)[0].close()


def test_what_a_stopped_export_left_goes_too(radiologist, pair, monkeypatch):
    job = _export(radiologist, _uids(pair))
    add, turns = exporting._add, []

    def dying(*arguments):
        turns.append(1)
        if len(turns) == 2:
            raise SystemExit
        return add(*arguments)

    monkeypatch.setattr(exporting, "_add", dying)
    with pytest.raises(SystemExit):
        work_on_job(job.pk, for_s=600)
    BulkJob.objects.update(lease_until=None)
    cancel_job(asker=asker(radiologist), job_id=job.pk)
    assert list(exporting.exports_folder().iterdir())

    remove_old_results()

    assert not list(exporting.exports_folder().iterdir())
    with pytest.raises(NotVisibleError):
        open_result(asker=asker(radiologist), job_id=job.pk)


def test_an_export_of_which_nothing_came_ends_all_the_same(radiologist, pair, monkeypatch):
    def failing(*_arguments):
        raise StateConflictError("It can't be written.")

    monkeypatch.setattr(exporting, "_add", failing)
    job = _export(radiologist, _uids(pair))

    assert work_on_job(job.pk, for_s=600) is False

    job.refresh_from_db()
    assert (job.state, job.number_failed) == ("failed", len(_uids(pair)))
    assert not list(exporting.exports_folder().iterdir())
    assert job_view(radiologist, job.pk).has_result is False


def test_only_who_may_take_studies_out_exports(colleague, pair):
    with pytest.raises(NotAllowedError):
        _export(colleague, _uids(pair))


def test_a_full_disk_fails_the_study(radiologist, pair, settings):
    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**60
    job = _export(radiologist, _uids(pair))

    work_on_job(job.pk, for_s=600)

    assert set(states(job)) == {"failed"}
    assert job_view(radiologist, job.pk).has_result is False
    assert Study.objects.count() == len(_uids(pair))
    assert BulkItem.objects.filter(message__contains="no room").exists()
