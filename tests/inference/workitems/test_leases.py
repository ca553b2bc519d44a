"""Performers outside that say nothing any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from archive.models import AuditEvent
from inference.models import Run, Workitem
from inference.runs.reconciling import bring_back_lost
from inference.workitems.errors import WorkitemFinalError
from inference.workitems.leases import release_silent
from inference.workitems.run_steps import workitem_uid
from inference.workitems.selectors import find_workitem
from inference.workitems.services import change_state, create_workitem, update_workitem
from tests.builders.runs import due_run
from tests.builders.workitems import new_workitem, performed

if TYPE_CHECKING:
    from archive.audit.types import Asker
    from archive.models import Series
    from inference.models import ModelVersion

pytestmark = pytest.mark.django_db
CLAIM = "2.25.77"


def claim(asker: Asker, uid: str) -> None:
    change_state(asker=asker, uid=uid, state="IN PROGRESS", transaction_uid=CLAIM)


def pass_lease() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(state=Run.State.RUNNING).update(lease_until=past)
    Workitem.objects.filter(state=Workitem.State.IN_PROGRESS).update(lease_until=past)


def test_silent_performers_workitem_is_canceled_with_its_reason(asker: Asker) -> None:
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
    claim(asker, "2.25.1")
    assert release_silent() == 0
    pass_lease()

    assert release_silent() == 1

    found = find_workitem(asker.user, "2.25.1")
    progress = found.document()["00741002"]["Value"][0]
    assert found.state == "CANCELED"
    assert progress["00741238"]["Value"] == ["Its performer said nothing for 240 minutes."]
    assert AuditEvent.objects.filter(act="release-workitem").count() == 1
    with pytest.raises(WorkitemFinalError):
        change_state(asker=asker, uid="2.25.1", state="COMPLETED", transaction_uid=CLAIM)


def test_each_word_of_a_performer_renews_its_claim(asker: Asker) -> None:
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
    claim(asker, "2.25.1")
    pass_lease()
    update_workitem(asker=asker, uid="2.25.1", changes=performed(), transaction_uid=CLAIM)

    assert release_silent() == 0


def test_run_of_a_silent_performer_is_queued_anew_three_times_at_most(
    series: Series, outside_model: ModelVersion, asker: Asker
) -> None:
    run = due_run(series, outside_model)
    first = workitem_uid(run)
    for number in (1, 2, 3):
        run = Run.objects.get(state=Run.State.QUEUED)
        Run.objects.filter(pk=run.pk).update(not_before=timezone.now())
        claim(asker, workitem_uid(run))
        pass_lease()
        assert (bring_back_lost(), release_silent()) == (0, 1)
        run.refresh_from_db()
        assert (run.state, "said nothing" in run.message) == (Run.State.CANCELLED, True)
        assert Run.objects.filter(state=Run.State.QUEUED).count() == int(number < 3)
    assert find_workitem(asker.user, first).state == "CANCELED"
    assert Run.objects.values("pk").distinct().count() == 3


def test_claims_from_before_there_were_leases_get_the_whole_time(asker: Asker) -> None:
    create_workitem(asker=asker, ds=new_workitem(), uid="2.25.1")
    claim(asker, "2.25.1")
    Workitem.objects.update(lease_until=None)

    assert release_silent() == 0
    assert Workitem.objects.get().lease_until > timezone.now() + timedelta(minutes=200)
