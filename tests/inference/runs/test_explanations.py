"""Heat maps that somebody asked for stand where the answer stands that they explain."""

from importlib import import_module

import pytest
from django.db import connection

from archive.models import Series
from inference.models import ResultReview
from inference.review.services import review_result
from inference.review.types import Correction
from inference.runs.explanations import record_explanation

pytestmark = pytest.mark.django_db


def withheld(uid):
    return Series.objects.get(instances__sop_instance_uid=uid).withheld


def recorded(run, stored_heat_map):
    uid = stored_heat_map(run)
    record_explanation(run.pk, {"heatmap": uid, "overlay": {"says": "effusion"}})
    run.refresh_from_db()
    assert run.outputs["heatmap"] == uid
    assert run.outputs["overlay"] == {"says": "effusion"}
    return withheld(uid)


def test_of_an_answer_that_stands_it_is_shown(model_result, stored_heat_map):
    assert recorded(model_result, stored_heat_map) == ""


def test_of_a_trial_it_is_for_reviewers(make_result, stored_heat_map):
    assert recorded(make_result(is_shadow=True), stored_heat_map) == "trial"


def test_of_a_model_in_shadow_it_is_for_reviewers(model_result, stored_heat_map):
    model_result.model_version.state = "shadow"
    model_result.model_version.save()

    assert recorded(model_result, stored_heat_map) == "trial"


@pytest.mark.parametrize(
    ("place", "state"), [(0, ""), (1, "superseded")], ids=["another answer", "its answer"]
)
def test_of_a_corrected_answer_it_is_hidden(reviewer, model_result, stored_heat_map, place, state):
    wrong = model_result.findings.order_by("pk")[place]
    review_result(
        asker=reviewer,
        run_id=model_result.pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, is_removed=True)],
    )

    assert recorded(model_result, stored_heat_map) == state


def test_of_a_rejected_result_it_is_rejected(reviewer, model_result, stored_heat_map):
    review_result(asker=reviewer, run_id=model_result.pk, decision="rejected", reason="Motion")

    assert recorded(model_result, stored_heat_map) == "rejected"


def hide_heat_maps_from_before():
    migration = import_module("inference.migrations.0017_hidden_heat_maps")
    with connection.cursor() as cursor:
        cursor.execute(migration.HIDE)


@pytest.mark.parametrize(
    ("decision", "places", "state"),
    [("edited", [1], "superseded"), ("edited", [0], ""), ("accepted", [], "")],
)
def test_heat_maps_from_before_are_hidden_alike(
    reviewer, model_result, make_result, explain, decision, places, state
):
    findings = model_result.findings.order_by("pk")
    review_result(
        asker=reviewer,
        run_id=model_result.pk,
        decision=decision,
        corrections=[Correction(finding=findings[place].pk, is_removed=True) for place in places],
    )
    judged, unjudged = explain(model_result), explain(make_result(2))
    on_trial = explain(make_result(3, is_shadow=True))

    hide_heat_maps_from_before()

    assert [withheld(uid) for uid in (judged, unjudged, on_trial)] == [state, "", "trial"]


def test_a_detector_from_before_keeps_its_heat_map_while_a_place_stands(model_result, explain):
    heat_map = explain(model_result)
    ResultReview.objects.create(run=model_result, decision="edited")
    findings = model_result.findings.order_by("pk")
    findings.update(kind="detection", review="rejected")
    model_result.findings.filter(pk=findings[0].pk).update(review="accepted")

    hide_heat_maps_from_before()
    assert withheld(heat_map) == ""

    findings.update(review="rejected")
    hide_heat_maps_from_before()
    assert withheld(heat_map) == "superseded"
