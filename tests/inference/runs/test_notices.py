"""People are told of runs: only what they asked for, only inside their rights, once."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.utils import timezone

from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.notices.selectors import unread_count
from inference.models import RunNotice, RunSubscription
from inference.runs.finishing import fail_run, finish_run
from inference.runs.notices import (
    Wishes,
    change_wishes,
    mark_notices_seen,
    notices_of,
    wishes_of,
)
from inference.runs.sending import send_due_notices
from inference.runs.types import FindingValue, RunOutcome
from tests.builders.runs import claimed_run
from tests.factories.inference import ModelVersionFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User

    from archive.models import Series
    from inference.models import Run

pytestmark = pytest.mark.django_db

CRITICAL = FindingValue(
    kind="detection", name="pneumothorax", label="left", probability=0.9, is_critical=True
)


@pytest.fixture
def settings(settings: Any) -> Any:
    settings.TWINSIGHT_EMAIL_URL = "smtp://mail.invalid"
    settings.TWINSIGHT_PUBLIC_URL = "https://archive.invalid"
    return settings


class Receiver:
    """A program that is told of runs; answers with the statuses given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.got: list[tuple[dict[str, Any], str, bytes]] = []
        waiting = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["X-Twinsight-Signature"]
                receiver.got.append((json.loads(body), signature, body))
                self.send_response(waiting.pop(0) if waiting else 200)
                self.send_header("Location", "http://elsewhere.invalid/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(500, 302)
    yield made
    made.server.shutdown()
    made.server.server_close()


def asks(user: User, **wishes: Any) -> None:
    user.email = f"{user.username}@clinic.invalid"
    user.save()
    change_wishes(asker=Asker(door="portal", user=user), wishes=Wishes(**wishes))


def run_of(user: User | None, series: Series) -> Run:
    asker = Asker(door="api", user=user) if user else None
    return claimed_run(series, asker=asker)


def hurry() -> None:
    RunNotice.objects.update(not_before=timezone.now() - timedelta(seconds=1))


def test_nobody_is_told_unless_they_ask(series: Series, radiologist: User) -> None:
    finish_run(run_of(radiologist, series), RunOutcome(device="cpu", findings=(CRITICAL,)))

    assert not RunNotice.objects.exists()
    assert send_due_notices() == 0


def test_who_asked_for_a_run_is_told_when_it_is_done(
    series: Series, radiologist: User, settings: Any
) -> None:
    asks(radiologist, on_done=True, by_mail=True)
    run = run_of(radiologist, series)
    finish_run(run, RunOutcome(device="cpu"))
    finish_run(run_of(None, series), RunOutcome(device="cpu"))

    assert unread_count(radiologist) == 1
    assert (send_due_notices(), send_due_notices()) == (1, 0)

    (letter,) = mail.outbox
    assert letter.to == ["radiologist@clinic.invalid"]
    assert f"https://archive.invalid/runs/{run.pk}/" in letter.body
    assert series.study.patient.patient_name not in letter.body + letter.subject
    mark_notices_seen(radiologist)
    assert unread_count(radiologist) == 0


def test_failures_go_to_their_asker_and_to_radiology_admins(
    series: Series, radiologist: User, archive_admin: User, colleague: User, settings: Any
) -> None:
    for user in (radiologist, archive_admin, colleague):
        asks(user, on_failed=True, by_mail=True)

    fail_run(run_of(radiologist, series), "broken", is_retriable=False)

    told = set(RunNotice.objects.values_list("user__username", "kind"))
    assert told == {("radiologist", "failed"), ("archive_admin", "failed")}


def test_a_failure_that_is_tried_again_is_no_news(
    series: Series, radiologist: User, settings: Any
) -> None:
    asks(radiologist, on_failed=True)

    fail_run(run_of(radiologist, series), "disk", is_retriable=True)

    assert not RunNotice.objects.exists()


def test_critical_findings_go_to_all_who_see_the_study(
    series: Series, radiologist: User, outsider: User, colleague: User, settings: Any
) -> None:
    for user in (radiologist, outsider, colleague):
        asks(user, on_critical=True)

    finish_run(run_of(None, series), RunOutcome(device="cpu", findings=(CRITICAL,)))

    told = set(RunNotice.objects.values_list("user__username", "kind"))
    assert told == {("radiologist", "critical"), ("colleague", "critical")}


def test_what_is_found_in_shadow_is_told_to_nobody(series: Series, radiologist: User) -> None:
    asks(radiologist, on_critical=True)

    run = claimed_run(series, ModelVersionFactory(state="shadow"), is_shadow=True)
    finish_run(run, RunOutcome(device="cpu", findings=(CRITICAL,)))

    assert not RunNotice.objects.exists()


def test_news_of_studies_that_are_seen_no_more_is_left_out(
    series: Series, radiologist: User
) -> None:
    asks(radiologist, on_done=True)
    finish_run(run_of(radiologist, series), RunOutcome(device="cpu"))

    series.study.projects.clear()

    assert not notices_of(radiologist)
    assert unread_count(radiologist) == 0


def test_webhook_is_signed_and_tried_again_until_it_is_taken(
    series: Series, radiologist: User, settings: Any, receiver: Receiver
) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["127.0.0.1"]
    asks(radiologist, on_done=True, by_mail=True, webhook_url=receiver.url, webhook_secret="shared")
    run = run_of(radiologist, series)
    finish_run(run, RunOutcome(device="cpu"))

    sent = []
    for _ in range(4):
        hurry()
        sent.append(send_due_notices())

    # Refused, redirected, taken, and never sent again; the mail before it went out once.
    assert sent == [0, 0, 1, 0]
    assert len(mail.outbox) == 1
    content, signature, body = receiver.got[-1]
    assert len(receiver.got) == 3
    assert (content["event"], content["run"], content["state"]) == ("run.done", run.pk, "succeeded")
    expected = hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={expected}"


def test_dead_webhook_is_given_up_after_a_while(
    series: Series, radiologist: User, settings: Any
) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["127.0.0.1:1"]
    asks(radiologist, on_done=True, webhook_url="http://127.0.0.1:1/")
    finish_run(run_of(radiologist, series), RunOutcome(device="cpu"))

    for _ in range(10):
        hurry()
        send_due_notices()

    notice = RunNotice.objects.get()
    assert (notice.sent_at, notice.attempts) == (None, 6)
    assert "No answer" in notice.error


def test_an_address_that_can_not_be_written_holds_nobody_elses_news(
    series: Series, radiologist: User, colleague: User, settings: Any
) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["127.0.0.1:1"]
    asks(radiologist, on_critical=True, webhook_url="http://127.0.0.1:1/höök")
    asks(colleague, on_critical=True, by_mail=True)
    finish_run(run_of(None, series), RunOutcome(device="cpu", findings=(CRITICAL,)))

    assert send_due_notices() == 1

    assert [letter.to for letter in mail.outbox] == [["colleague@clinic.invalid"]]
    assert "No answer" in RunNotice.objects.get(user=radiologist).error


def test_who_lost_the_right_meanwhile_is_sent_nothing(
    series: Series, radiologist: User, colleague: User, settings: Any, receiver: Receiver
) -> None:
    """A webhook that was away is tried again for days."""
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["127.0.0.1"]
    asks(radiologist, on_critical=True, webhook_url=receiver.url)
    asks(colleague, on_critical=True, by_mail=True)
    finish_run(run_of(None, series), RunOutcome(device="cpu", findings=(CRITICAL,)))
    colleague.is_active = False
    colleague.save()
    assert send_due_notices() == 0
    assert len(receiver.got) == 1
    series.study.projects.clear()

    hurry()
    assert send_due_notices() == 0

    assert len(receiver.got) == 1
    assert not mail.outbox
    assert not RunNotice.objects.filter(sent_at=None).exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://localhost:5432/",
        "ftp://hooks.clinic.invalid/",
        "https://user:secret@hooks.clinic.invalid/",
        "https://hooks.clinic.invalid.elsewhere.invalid/",
        "https://hooks.clinic.invalid:99999/",
        "nonsense",
    ],
)
def test_webhooks_go_to_hosts_that_the_site_names_alone(
    radiologist: User, settings: Any, url: str
) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["hooks.clinic.invalid"]

    with pytest.raises(InvalidRequestError):
        asks(radiologist, on_done=True, webhook_url=url)
    assert not RunSubscription.objects.exists()


def test_mail_needs_a_server(radiologist: User) -> None:
    with pytest.raises(InvalidRequestError):
        asks(radiologist, on_done=True, by_mail=True)


def test_secret_stays_unless_another_is_given(radiologist: User, settings: Any) -> None:
    settings.TWINSIGHT_WEBHOOK_HOSTS = ["hooks.clinic.invalid"]
    url = "https://hooks.clinic.invalid/"
    asks(radiologist, webhook_url=url, webhook_secret="first")

    asks(radiologist, webhook_url=url, on_done=True)
    assert RunSubscription.objects.get().webhook_secret == "first"
    assert wishes_of(radiologist) == Wishes(webhook_url=url, on_done=True)
    asks(radiologist)
    assert RunSubscription.objects.get().webhook_secret == ""
