from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import AuditEvent
from inference.bundles.states import (
    finish_trust,
    request_trust,
    require_runnable,
    runs_own_code,
    set_state,
)
from inference.errors import BundleNotTrustedError
from inference.models import ModelVersion
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db

ASKER = Asker(door="test")
CLEAN = {"trust_needed": [], "passed": True}
CODE = {"trust_needed": ["a.py is code."], "passed": False}


def bundle(**columns):
    return ModelVersionFactory(
        **({"pipeline": "bundle", "state": "draft", "checks": CLEAN} | columns)
    )


def test_promote_retires_the_version_that_was_active():
    old = bundle(name="m", version="1", state="active")
    other = bundle(name="other", state="active")
    new = bundle(name="m", version="2")

    set_state(name="m", version="2", state="active", asker=ASKER, reason="better")

    states = {row.pk: row.state for row in ModelVersion.objects.all()}
    assert states == {old.pk: "retired", other.pk: "active", new.pk: "active"}
    told = [event.details for event in AuditEvent.objects.order_by("pk")]
    assert told == [
        {"model": "m 1", "state": "retired", "former": "active", "reason": "m 2 took its place"},
        {"model": "m 2", "state": "active", "former": "draft", "reason": "better"},
    ]


def test_going_back_is_promoting_the_former_one():
    bundle(name="m", version="1", state="retired")
    bundle(name="m", version="2", state="active")
    set_state(name="m", version="1", state="active", asker=ASKER)
    assert ModelVersion.objects.get(state="active").version == "1"


def test_the_state_it_has_is_no_change():
    bundle(name="m", state="active")
    set_state(name="m", version="", state="active", asker=ASKER)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("state", ["active", "shadow"])
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"checks": CODE}, "is not trusted: register it with --trust"),
        ({"checks": {}}, "is not trusted"),
        ({"checks": CODE, "is_trusted": True}, "has not passed its check"),
        ({"checks": CODE, "pipeline": "classifier"}, "has not passed its check"),
    ],
)
def test_what_may_not_run_gets_no_state_in_which_it_would(columns, words, state):
    bundle(name="m", **columns)
    with pytest.raises(InvalidRequestError, match=words):
        set_state(name="m", version="", state=state)


def test_unknown_models_and_states():
    with pytest.raises(NotVisibleError):
        set_state(name="m", version="", state="active")
    bundle(name="m")
    with pytest.raises(InvalidRequestError):
        set_state(name="m", version="", state="asleep")


def test_code_runs_where_it_is_trusted_and_what_has_none_needs_no_trust():
    require_runnable(bundle())
    assert not runs_own_code(bundle())
    require_runnable(bundle(checks=CODE, is_trusted=True))
    assert runs_own_code(bundle(checks={}, is_trusted=True))
    for checks in (CODE, {}):
        with pytest.raises(BundleNotTrustedError):
            require_runnable(bundle(checks=checks))


def test_a_failed_trial_is_written_down_and_trusts_nothing(archive_admin, tmp_path):
    version = bundle(checks=CODE, bundle_path=str(tmp_path / "gone"))
    asker = Asker(door="portal", user=archive_admin)
    request_trust(asker=asker, name=version.name, version=version.version, digest=version.digest)
    version.refresh_from_db()
    assert version.checks["is_running"]

    finish_trust(version_id=version.pk, actor_id=archive_admin.pk)
    finish_trust(version_id=version.pk, actor_id=archive_admin.pk)

    version.refresh_from_db()
    assert version.checks["problem"] == "The bundle gone is not on this machine."
    assert not version.checks["is_running"]
    assert version.checks["trust_needed"] == CODE["trust_needed"]
    assert not version.is_trusted
