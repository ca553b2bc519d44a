"""The worklist inside the reviewer's rights, narrowed and ordered."""

import pytest

from archive.audit.types import Asker
from archive.curation.removals import remove_objects, undo_removal
from archive.curation.types import ObjectPath
from archive.errors import NotVisibleError
from inference.models import ModelVersion, Run
from inference.review.selectors import (
    critical_count,
    neighbours,
    result_to_review,
    review_page,
)
from inference.review.services import review_result
from inference.review.types import Order, ReviewFilters, Scope, Standing
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db


def runs_of(user, **filters):
    return [one.run for one in review_page(user, ReviewFilters(**filters)).results]


def test_reviewers_see_their_projects_results_and_others_none(
    radiologist, archive_admin, colleague, outsider, model_result
):
    assert runs_of(radiologist) == runs_of(archive_admin) == [model_result.pk]
    assert runs_of(colleague) == runs_of(outsider) == []
    for user in (colleague, outsider):
        with pytest.raises(NotVisibleError):
            result_to_review(user, model_result.pk)


@pytest.mark.parametrize("is_whole", [True, False])
def test_results_on_what_was_deleted_are_reviewed_by_nobody_until_that_is_undone(
    radiologist, reviewer, archive_admin, model_result, is_whole
):
    asker = Asker(door="test", user=archive_admin)
    series = model_result.series
    uid = series.study.study_instance_uid
    path = ObjectPath(uid, None if is_whole else series.series_instance_uid)
    removal = remove_objects(asker=asker, path=path, reason="another patient's")

    assert runs_of(radiologist) == []
    assert runs_of(radiologist, study=uid, standing=Standing.ALL) == []
    assert critical_count(radiologist) == 0
    for act in (
        lambda: result_to_review(radiologist, model_result.pk),
        lambda: review_result(asker=reviewer, run_id=model_result.pk, decision="accepted"),
    ):
        with pytest.raises(NotVisibleError):
            act()
    undo_removal(asker=asker, removal_id=removal.pk)
    assert runs_of(radiologist) == [model_result.pk]


def test_only_the_newest_success_of_a_model_on_a_series_is_to_be_reviewed(
    radiologist, model_result
):
    values = {
        "series": model_result.series,
        "study": model_result.study,
        "not_before": model_result.not_before,
    }
    newer = Run.objects.create(
        model_version=model_result.model_version, state="succeeded", input_digest="b" * 64, **values
    )
    Run.objects.create(model_version=model_result.model_version, state="dead", **values)
    embedding = ModelVersionFactory(task=ModelVersion.Task.EMBED)
    Run.objects.create(model_version=embedding, state="succeeded", **values)

    assert runs_of(radiologist) == [newer.pk]


def test_decided_results_leave_the_list_and_stand_among_their_like(
    reviewer, radiologist, make_result
):
    one, other = make_result(1), make_result(2)
    review_result(asker=reviewer, run_id=one.pk, decision="rejected", reason="No")

    assert runs_of(radiologist) == [other.pk]
    assert runs_of(radiologist, standing=Standing.REJECTED) == [one.pk]
    assert runs_of(radiologist, standing=Standing.ACCEPTED) == []
    assert set(runs_of(radiologist, standing=Standing.ALL)) == {one.pk, other.pk}
    shown = result_to_review(radiologist, one.pk)
    assert shown.standing is Standing.REJECTED
    assert [past.reason for past in shown.history] == ["No"]
    assert [past.reviewer for past in shown.history] == ["Ada Reader"]
    assert {finding.is_agreed for finding in shown.findings} == {False}


def test_critical_and_urgent_results_come_first(radiologist, make_result):
    plain, urgent, critical = make_result(1), make_result(2, priority=9), make_result(3)
    critical.findings.filter(label="effusion").update(is_critical=True)

    assert runs_of(radiologist) == [critical.pk, urgent.pk, plain.pk]
    assert critical_count(radiologist) == 1
    assert runs_of(radiologist, order=Order.NEWEST) == [critical.pk, urgent.pk, plain.pk]
    urgent.findings.filter(label="effusion").update(probability=0.3)
    assert runs_of(radiologist, order=Order.UNSURE)[0] == urgent.pk
    assert neighbours(radiologist, ReviewFilters(), urgent.pk) == (critical.pk, plain.pk)
    assert neighbours(radiologist, ReviewFilters(), 10**9) == (None, critical.pk)


def test_filters_narrow_the_list(radiologist, model_result):
    assert runs_of(radiologist, model="chest-head", modality=model_result.series.modality) == [
        model_result.pk
    ]
    assert runs_of(radiologist, finding="EFFUS") == [model_result.pk]
    assert runs_of(radiologist, study=model_result.study.study_instance_uid) == [model_result.pk]
    assert runs_of(radiologist, model="another") == []
    assert runs_of(radiologist, finding="fracture") == []


def test_answers_that_the_model_knows_are_offered(radiologist, model_result):
    assert result_to_review(radiologist, model_result.pk).choices == ("effusion", "pneumonia")

    model_result.model_version.labels = [{"name": "mass"}, {"name": "none"}]
    model_result.model_version.save()
    assert result_to_review(radiologist, model_result.pk).choices == ("mass", "none")


def test_what_only_names_the_images_is_folded_away(radiologist, make_result):
    told, same, alike, sure, unsure, critical = (make_result(number) for number in range(1, 7))
    made = told.series.modality

    def say(run, name, label, probability=0.9, **fields):
        run.findings.exclude(pk=run.findings.first().pk).delete()
        run.findings.update(name=name, label=label, probability=probability, **fields)

    say(same, "modality", made.lower())
    say(alike, "body_part", "head")
    type(alike.series).objects.filter(pk=alike.series_id).update(body_part_examined="BRAIN")
    say(sure, "modality", "MR" if made != "MR" else "CT")
    say(unsure, "modality", "MR" if made != "MR" else "CT", probability=0.5)
    say(critical, "modality", made, is_critical=True)

    page = review_page(radiologist, ReviewFilters())
    assert {one.run for one in page.results} == {told.pk, sure.pk, critical.pk}
    assert page.folded == 3
    whole = review_page(radiologist, ReviewFilters(scope=Scope.ALL))
    assert (len(whole.results), whole.folded) == (6, 0)
    # Who opens one of them from elsewhere is led on to what is listed.
    assert neighbours(radiologist, ReviewFilters(), same.pk)[0] is None

    told.findings.all().delete()
    assert told.pk in runs_of(radiologist), "nothing found is an answer, too"
