"""What the models say about a study, arranged for its page."""

import pytest
from django.utils import timezone

from archive.errors import NotVisibleError
from inference.models import Finding, ModelVersion, ResultReview, Run
from inference.portal.findings import findings_panel, review_statuses, study_statuses
from inference.review.services import review_result
from inference.review.types import Correction
from tests.factories.archive import SeriesFactory, StudyFactory
from tests.factories.inference import ModelVersionFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(project):
    return SeriesFactory(
        study=StudyFactory(projects=[project]),
        series_number=2,
        series_description="Lung",
        body_part_examined="CHEST",
    )


def _run(series, state="succeeded", **fields):
    return RunFactory(series=series, state=state, not_before=timezone.now(), **fields)


def _finding(run, **fields):
    return Finding.objects.create(
        **{"run": run, "series": run.series, "kind": "classification", "name": "modality", **fields}
    )


def _panel(user, series):
    return findings_panel(user, series.study.study_instance_uid)


def test_findings_stand_under_their_model_and_series(radiologist, series):
    run = _run(series, device="cpu")
    _finding(run, name="body_part", label="CHEST", probability=0.973)
    _finding(run, kind="measurement", name="Volume", label="Lung", value=4812.345, unit="mL")

    (group,) = _panel(radiologist, series)["groups"]
    (card,) = group.cards

    assert group.title == "2 · Lung"
    assert (card.model, card.device) == (f"{run.model_version.name} 1", "CPU")
    assert [(one.name, one.label, one.width) for one in card.classes] == [
        ("Body part", "Chest", "97.3%")
    ]
    assert [(one.label, one.value, one.unit) for one in card.measures] == [
        ("Lung", "4\N{NARROW NO-BREAK SPACE}812", "mL")
    ]


@pytest.mark.parametrize(("label", "contradiction"), [("MR", "CT"), ("CT", "")])
def test_class_that_contradicts_the_header_says_so(radiologist, series, label, contradiction):
    _finding(_run(series), label=label, probability=0.9)

    (line,) = _panel(radiologist, series)["groups"][0].cards[0].classes

    assert (line.contradiction, line.is_unsure) == (contradiction, False)


def test_low_probability_is_marked_as_a_guess(radiologist, series):
    _finding(_run(series), label="CT", probability=0.5)

    (line,) = _panel(radiologist, series)["groups"][0].cards[0].classes

    assert line.is_unsure


def test_newest_run_of_a_model_stands_for_it(radiologist, series):
    version = ModelVersionFactory()
    _run(series, model_version=version, state="dead", message="old")
    _run(series, model_version=version, message="new")

    (card,) = _panel(radiologist, series)["groups"][0].cards

    assert (card.message, card.state_text, card.tone) == ("new", "Done", "ok")


def test_embedding_stands_apart_from_what_makes_statements(radiologist, series):
    version = ModelVersionFactory(task=ModelVersion.Task.EMBED, name="lite0")
    _run(series, model_version=version)

    (group,) = _panel(radiologist, series)["groups"]

    assert group.cards == []
    assert group.embedding.model == "lite0 1"


@pytest.mark.parametrize(("state", "is_busy"), [("queued", True), ("succeeded", False)])
def test_panel_is_busy_while_something_waits(radiologist, series, state, is_busy):
    _run(series, state=state)

    panel = _panel(radiologist, series)

    assert panel["is_busy"] is is_busy
    assert panel["open_runs"] == int(is_busy)


def test_outsider_finds_no_panel(outsider, series):
    with pytest.raises(NotVisibleError):
        _panel(outsider, series)


@pytest.mark.parametrize(
    ("states", "text"),
    [
        (["succeeded", "queued"], "Processing"),
        (["running", "dead"], "Processing"),
        (["succeeded", "dead"], "Failed"),
        (["succeeded", "skipped"], "Done"),
        (["skipped"], "Not applicable"),
    ],
)
def test_study_status_says_how_far_the_models_are(radiologist, series, states, text):
    for state in states:
        _run(series, state=state)
    uid = series.study.study_instance_uid

    assert study_statuses(radiologist, [uid])[uid].text == text


def test_failed_run_that_was_repeated_counts_no_more(radiologist, series):
    version = ModelVersionFactory()
    _run(series, model_version=version, state=Run.State.DEAD)
    _run(series, model_version=version)
    uid = series.study.study_instance_uid

    assert study_statuses(radiologist, [uid])[uid].text == "Done"


def test_studies_without_runs_and_outside_the_rights_have_no_status(radiologist, outsider, series):
    _run(series)
    other = StudyFactory(projects=[series.study.projects.get()])
    uids = [series.study.study_instance_uid, other.study_instance_uid]

    assert list(study_statuses(radiologist, uids)) == uids[:1]
    assert study_statuses(outsider, uids) == {}


def test_statuses_of_a_page_take_the_rights_and_one_query(
    radiologist, project, django_assert_num_queries
):
    uids = []
    for _ in range(4):
        series = SeriesFactory(study=StudyFactory(projects=[project]))
        _run(series)
        uids.append(series.study.study_instance_uid)

    # Memberships are asked for, too, where there is no request that keeps them.
    with django_assert_num_queries(2):
        study_statuses(radiologist, uids)


def test_panel_says_what_became_of_a_result(reviewer, radiologist, make_result):
    rejected, edited = make_result(1), make_result(2)
    review_result(asker=reviewer, run_id=rejected.pk, decision="rejected", reason="No")
    wrong = edited.findings.order_by("pk").first()
    review_result(
        asker=reviewer,
        run_id=edited.pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, label="scar")],
    )

    first, second = (
        findings_panel(radiologist, run.study.study_instance_uid)["groups"][0].cards[0]
        for run in (rejected, edited)
    )

    assert (first.review, first.classes, first.corrected) == ("Rejected by Ada Reader", [], [])
    assert second.review == "Corrected by Ada Reader"
    assert [line.label for line in second.classes] == ["Effusion"]
    assert second.corrected == [("Finding", "Scar")]


def test_reviews_show_in_the_list_the_one_that_asks_for_attention(radiologist, outsider, series):
    uid = series.study.study_instance_uid
    first, second = _run(series), _run(series, model_version=ModelVersionFactory())
    assert review_statuses(radiologist, [uid]) == {}
    for run, decision in ((first, "rejected"), (first, "accepted"), (second, "rejected")):
        ResultReview.objects.create(run=run, reviewer=radiologist, decision=decision)

    status = review_statuses(radiologist, [uid])[uid]

    assert (status.text, status.tone, status.detail) == (
        *("Rejected", "bad"),
        "accepted: 1, rejected: 1",
    )
    assert review_statuses(outsider, [uid]) == {}
