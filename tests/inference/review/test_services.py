"""Decisions on results: verified successors, what is hidden, what is kept."""

import pytest

from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotVisibleError
from archive.models import AuditEvent, Instance, Series
from archive.query.selectors import matches
from archive.query.types import Level, Query
from archive.retrieve.datasets import load_dataset
from inference.models import Finding, Label, ResultReview, Run
from inference.review.services import review_result
from inference.review.types import Correction

pytestmark = pytest.mark.django_db


def report_of(uid):
    row = Instance.objects.select_related("blob").get(sop_instance_uid=uid)
    return load_dataset(row)


def listed(user):
    page = matches(user=user, query=Query(level=Level.INSTANCE))
    return {match.sop_instance_uid for match in page.matches}


def test_accepted_result_has_a_verified_successor_under_the_reviewers_name(
    reviewer, radiologist, model_result, settings
):
    settings.TWINSIGHT_ORGANIZATION = "Chest clinic of the town"

    review = review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")

    before, after = report_of(model_result.outputs["sr"]), report_of(review.successor_uid)
    assert before.VerificationFlag == "UNVERIFIED"
    assert after.VerificationFlag == "VERIFIED"
    (observer,) = after.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName) == "Reader^Ada"
    assert observer.VerifyingOrganization == "Chest clinic of the town"
    reference = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert reference.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert after.SeriesInstanceUID != before.SeriesInstanceUID
    assert after.PatientID == before.PatientID
    assert {before.SOPInstanceUID, after.SOPInstanceUID} <= listed(radiologist)
    assert set(model_result.findings.values_list("review", flat=True)) == {"accepted"}
    assert set(review.verdicts.values_list("is_agreed", flat=True)) == {True}
    event = AuditEvent.objects.get(act="review-result")
    assert event.details == {
        "run": model_result.pk,
        "decision": "accepted",
        "successor": review.successor_uid,
    }


def test_accepted_classes_become_labels_of_the_reviewer(reviewer, radiologist, model_result):
    review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")

    rows = Label.objects.filter(source="review", created_by=radiologist, series=model_result.series)
    assert set(rows.values_list("label_set", "label")) == {
        ("finding", "pneumonia"),
        ("finding", "effusion"),
    }


@pytest.mark.parametrize("how", ["run", "version"])
@pytest.mark.parametrize("decision", ["accepted", "edited"])
def test_what_a_trial_said_becomes_no_label(reviewer, make_result, how, decision):
    run = make_result(3, is_shadow=how == "run")
    if how == "version":
        run.model_version.state = "shadow"
        run.model_version.save()
    last = run.findings.order_by("pk").last()
    corrections = [Correction(finding=last.pk, label="atelectasis")]

    review_result(
        asker=reviewer,
        run_id=run.pk,
        decision=decision,
        corrections=corrections if decision == "edited" else [],
    )

    assert not Label.objects.exists()


def test_label_of_a_result_put_on_trial_goes_with_the_next_decision(reviewer, model_result):
    review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")
    model_result.model_version.state = "shadow"
    model_result.model_version.save()

    review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")

    assert not Label.objects.exists()


def test_decision_on_a_trial_leaves_the_labels_of_other_results(reviewer, make_result):
    review_result(asker=reviewer, run_id=make_result().pk, decision="accepted")
    trial = make_result(2, is_shadow=True)
    Run.objects.filter(pk=trial.pk).update(series=Run.objects.exclude(pk=trial.pk).get().series)

    review_result(asker=reviewer, run_id=trial.pk, decision="rejected", reason="Motion")

    assert set(Label.objects.values_list("label", flat=True)) == {"pneumonia", "effusion"}


def test_corrected_result_says_what_is_right_and_the_former_report_is_hidden(
    reviewer, radiologist, model_result
):
    wrong, right = model_result.findings.order_by("pk")

    review = review_result(
        asker=reviewer,
        run_id=model_result.pk,
        decision="edited",
        reason="Old scar",
        corrections=[Correction(finding=wrong.pk, label="atelectasis")],
    )

    after = report_of(review.successor_uid)
    texts = [
        str(one.value) for one in after.iterall() if one.keyword in {"CodeMeaning", "TextValue"}
    ]
    assert any("atelectasis" in text.lower() for text in texts)
    assert model_result.outputs["sr"] not in listed(radiologist)
    assert review.successor_uid in listed(radiologist)
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert (wrong.review, right.review) == ("rejected", "accepted")
    verdict = review.verdicts.get(finding=wrong)
    assert (verdict.is_agreed, verdict.label) == (False, "atelectasis")
    assert set(Label.objects.values_list("label", flat=True)) == {"atelectasis", "effusion"}


def test_right_answer_has_the_code_that_the_model_has_for_it(reviewer, model_result):
    version = model_result.model_version
    code = {"code": "46621007", "scheme": "SCT", "meaning": "Atelectasis"}
    version.labels = [{"name": "atelectasis"} | code]
    version.save(update_fields=["labels"])
    wrong = model_result.findings.order_by("pk").first()

    review = review_result(
        asker=reviewer,
        run_id=model_result.pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, label="Atelectasis")],
    )

    after = report_of(review.successor_uid)
    assert "46621007" in {str(one.value) for one in after.iterall() if one.keyword == "CodeValue"}


def test_rejected_result_is_kept_and_in_no_default_query(reviewer, radiologist, model_result):
    review = review_result(
        asker=reviewer, run_id=model_result.pk, decision="rejected", reason="Motion artefact"
    )

    assert review.successor_uid == ""
    assert model_result.outputs["sr"] not in listed(radiologist)
    assert report_of(model_result.outputs["sr"]).VerificationFlag == "UNVERIFIED"
    assert set(model_result.findings.values_list("review", flat=True)) == {"rejected"}
    assert not Label.objects.exists()


def test_later_decision_takes_over_and_both_are_kept(
    reviewer, radiologist, archive_admin, model_result
):
    first = review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")
    admin = Asker(door="portal", user=archive_admin)

    review_result(
        asker=admin, run_id=model_result.pk, decision="rejected", reason="Other patient's film"
    )

    assert not {model_result.outputs["sr"], first.successor_uid} & listed(radiologist)
    assert model_result.reviews.count() == 2

    again = review_result(asker=reviewer, run_id=model_result.pk, decision="accepted")

    shown = listed(radiologist)
    assert {model_result.outputs["sr"], again.successor_uid} <= shown
    assert first.successor_uid not in shown


@pytest.fixture
def explained(model_result, explain):
    """The result with the heat map of its last answer, and its findings."""
    return model_result, explain(model_result), list(model_result.findings.order_by("pk"))


def edit(reviewer, run, *findings):
    corrections = [Correction(finding=one.pk, label="atelectasis") for one in findings]
    review_result(asker=reviewer, run_id=run.pk, decision="edited", corrections=corrections)


def test_heat_map_of_a_corrected_answer_leaves_with_it(reviewer, radiologist, explained):
    run, heat_map, (_, answer) = explained
    assert heat_map in listed(radiologist)

    edit(reviewer, run, answer)

    assert not {heat_map, run.outputs["sr"]} & listed(radiologist)
    assert Series.objects.get(instances__sop_instance_uid=heat_map).withheld == "superseded"
    assert Instance.objects.visible_to(radiologist).filter(sop_instance_uid=heat_map).exists()

    review_result(asker=reviewer, run_id=run.pk, decision="accepted")

    assert heat_map in listed(radiologist)

    review_result(asker=reviewer, run_id=run.pk, decision="rejected", reason="Motion")

    assert heat_map not in listed(radiologist)
    assert Series.objects.get(instances__sop_instance_uid=heat_map).withheld == "rejected"


def test_heat_map_of_an_answer_that_stands_stays(reviewer, radiologist, explained):
    run, heat_map, (other, _) = explained

    edit(reviewer, run, other)

    assert heat_map in listed(radiologist)


def test_heat_map_of_a_detector_stays_while_one_place_stands(reviewer, radiologist, explained):
    run, heat_map, findings = explained
    run.findings.update(kind="detection")

    edit(reviewer, run, findings[0])
    assert heat_map in listed(radiologist)

    edit(reviewer, run, *findings)
    assert heat_map not in listed(radiologist)


def test_heat_map_of_a_trial_stays_for_reviewers_alone(reviewer, radiologist, make_result, explain):
    run = make_result(4, is_shadow=True)
    heat_map = explain(run)

    edit(reviewer, run, *run.findings.all())

    assert Series.objects.get(instances__sop_instance_uid=heat_map).withheld == "trial"


def test_segmentation_of_a_corrected_result_stays(reviewer, radiologist, explained):
    run, drawn, findings = explained
    run.outputs = {"sr": run.outputs["sr"], "seg": drawn}
    run.save()

    edit(reviewer, run, *findings)

    assert drawn in listed(radiologist)


def test_result_of_a_trial_stays_for_reviewers_alone(reviewer, colleague, radiologist, make_result):
    run = make_result(3, is_shadow=True)

    review = review_result(asker=reviewer, run_id=run.pk, decision="accepted")

    successor = Series.objects.get(instances__sop_instance_uid=review.successor_uid)
    assert successor.withheld == "trial"
    assert not Series.objects.visible_to(colleague).filter(pk=successor.pk).exists()
    assert Series.objects.visible_to(radiologist).filter(pk=successor.pk).exists()


@pytest.mark.parametrize(
    ("decision", "reason", "problem"),
    [
        ("rejected", "  ", "Say why"),
        ("edited", "", "Nothing was changed"),
        ("maybe", "", "accepted, edited or rejected"),
    ],
)
def test_incomplete_decisions_change_nothing(reviewer, model_result, decision, reason, problem):
    with pytest.raises(InvalidRequestError, match=problem):
        review_result(asker=reviewer, run_id=model_result.pk, decision=decision, reason=reason)

    assert not ResultReview.objects.exists()
    assert set(Finding.objects.values_list("review", flat=True)) == {"unverified"}


def test_corrections_fit_the_result_and_its_decision(reviewer, make_result, model_result):
    other = make_result(2).findings.first()
    own = model_result.findings.first()

    with pytest.raises(InvalidRequestError, match="no finding"):
        review_result(
            asker=reviewer,
            run_id=model_result.pk,
            decision="edited",
            corrections=[Correction(finding=other.pk, label="x")],
        )
    with pytest.raises(InvalidRequestError, match="Only an edited"):
        review_result(
            asker=reviewer,
            run_id=model_result.pk,
            decision="accepted",
            corrections=[Correction(finding=own.pk, label="x")],
        )
    with pytest.raises(InvalidRequestError, match="reject it instead"):
        review_result(
            asker=reviewer,
            run_id=model_result.pk,
            decision="edited",
            corrections=[
                Correction(finding=one.pk, is_removed=True) for one in model_result.findings.all()
            ],
        )
    assert not ResultReview.objects.exists()


def test_who_decided_on_an_old_page_is_told(reviewer, archive_admin, model_result):
    review_result(
        asker=Asker(door="portal", user=archive_admin),
        run_id=model_result.pk,
        decision="rejected",
        reason="No",
        last_review=0,
    )

    with pytest.raises(InvalidRequestError, match="meanwhile"):
        review_result(asker=reviewer, run_id=model_result.pk, decision="accepted", last_review=0)


def test_only_reviewers_of_the_project_decide(colleague, outsider, model_result):
    for user in (colleague, outsider, None):
        with pytest.raises(NotVisibleError):
            review_result(
                asker=Asker(door="portal", user=user), run_id=model_result.pk, decision="accepted"
            )
    assert not ResultReview.objects.exists()
