"""What a person rejected, and what is on trial, is found by nobody else."""

import pytest
from django.core.cache import cache

from inference.bundles.states import set_state
from inference.models import Finding, Run, SeriesText
from inference.review.services import review_result
from inference.review.types import Correction
from inference.similarity.attributes.facets import search_facets
from inference.similarity.words.series_words import mark_words_stale, refresh_words

pytestmark = pytest.mark.django_db


def findable(user):
    """What the user can narrow a search to, and the words that series are found by."""
    cache.clear()
    refresh_words()
    words = " ".join(SeriesText.objects.values_list("document", flat=True))
    return search_facets(user).findings, words


def test_rejected_findings_leave_facets_and_words_until_accepted(
    reviewer, radiologist, model_result
):
    run = model_result
    review_result(asker=reviewer, run_id=run.pk, decision="rejected", reason="Artefact")

    facets, words = findable(radiologist)
    assert facets == ()
    assert "pneumonia" not in words
    assert not Finding.objects.standing().exists()
    assert not Run.objects.standing().exists()

    review_result(asker=reviewer, run_id=run.pk, decision="accepted")

    facets, words = findable(radiologist)
    assert facets == ("finding:effusion", "finding:pneumonia")
    assert "pneumonia" in words
    assert Run.objects.standing().get() == run


def test_corrected_finding_is_found_by_what_is_right(reviewer, radiologist, model_result):
    wrong = model_result.findings.get(label="pneumonia")
    review_result(
        asker=reviewer,
        run_id=model_result.pk,
        decision="edited",
        corrections=[Correction(finding=wrong.pk, label="atelectasis")],
    )

    facets, words = findable(radiologist)

    assert facets == ("finding:effusion",)
    assert search_facets(radiologist).labels == ("finding:atelectasis", "finding:effusion")
    assert "atelectasi" in words
    assert "pneumonia" not in words


@pytest.mark.parametrize("how", ["run", "version"])
def test_trials_are_found_by_nobody(radiologist, make_result, how):
    run = make_result(4, is_shadow=how == "run")
    if how == "version":
        run.model_version.state = "shadow"
        run.model_version.save()

    facets, words = findable(radiologist)

    assert facets == ()
    assert "pneumonia" not in words


def test_what_a_version_said_is_no_word_while_it_is_on_trial(radiologist, model_result):
    version = model_result.model_version
    mark_words_stale([model_result.study_id])
    assert "pneumonia" in findable(radiologist)[1]
    set_state(name=version.name, version=version.version, state="shadow")

    assert "pneumonia" not in findable(radiologist)[1]

    set_state(name=version.name, version=version.version, state="active")

    assert "pneumonia" in findable(radiologist)[1]
