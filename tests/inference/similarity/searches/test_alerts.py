"""New cases for saved searches, within the rights of their owners at that moment."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Membership, Series
from archive.notices.selectors import unread_count
from inference.models import Calibration, Label, SearchMatch, SearchSession
from inference.similarity.searches import alerts
from inference.similarity.searches.alerts import find_new_matches, forget_unnamed_searches
from inference.similarity.searches.matches import (
    mark_seen,
    matches_of,
    unseen_matches,
)
from inference.similarity.searches.sessions import add_round, save_search, start_session
from inference.similarity.types import Filters, PatientScope, SimilarQuery
from inference.similarity.words.series_words import mark_words_stale, refresh_words
from tests.builders.vectors import direction, embed_instances, make_case, make_space
from tests.factories.archive import SeriesFactory

pytestmark = pytest.mark.django_db

NOW = timedelta(0)


@pytest.fixture
def asked(space, project):
    """The case that is asked by; close is what lies within 0.2 radians or so."""
    quantiles = np.linspace(-1, 1, 1001).round(5).tolist()
    space.random_pair_quantiles = {"series": quantiles, "rows": 1}
    space.save()
    return make_case(space, [direction(0)], projects=[project])


@pytest.fixture
def saved(radiologist, asked):
    query = SimilarQuery(series=asked.series_instance_uid)
    return start_session(radiologist, query, name="Alike", is_notifying=True)


def told(session) -> list[str]:
    rows = SearchMatch.objects.filter(session=session)
    return sorted(rows.values_list("series__series_instance_uid", flat=True))


def test_a_new_close_case_is_told_once(radiologist, space, project, saved):
    near = make_case(space, [direction(0.1)], projects=[project])
    make_case(space, [direction(1.0)], projects=[project])

    assert find_new_matches(settling=NOW) == 1
    assert find_new_matches(settling=NOW) == 0

    (match,) = unseen_matches(radiologist)
    assert match.series == near
    assert match.session == saved
    assert match.score == pytest.approx(np.cos(0.1), abs=2e-3)


def test_what_was_there_before_is_not_new(radiologist, space, project, asked):
    make_case(space, [direction(0.1)], projects=[project])
    query = SimilarQuery(series=asked.series_instance_uid)
    session = start_session(radiologist, query, name="Alike", is_notifying=True)

    assert find_new_matches(settling=NOW) == 0
    assert told(session) == []


def test_an_old_case_that_is_embedded_anew_is_not_new(radiologist, space, project, asked):
    old = SeriesFactory(study=asked.study)
    query = SimilarQuery(series=asked.series_instance_uid, patient=PatientScope.ANY)
    start_session(radiologist, query, name="Alike", is_notifying=True)

    embed_instances(space, old, [direction(0.05)])

    assert find_new_matches(settling=NOW) == 0


def test_what_is_still_settling_waits(radiologist, space, project, saved):
    make_case(space, [direction(0.1)], projects=[project])

    assert find_new_matches() == 0
    assert find_new_matches(settling=NOW) == 1


def test_a_calibrated_cut_counts_beside_the_percentile(space, project, saved):
    Calibration.objects.create(
        space=space, level="series", modality="CT", cut=0.999, number_of_objects=50
    )
    make_case(space, [direction(0.15)], projects=[project], modality="CT")
    other = make_case(space, [direction(0.15)], projects=[project], modality="MR")

    find_new_matches(settling=NOW)

    assert told(saved) == [other.series_instance_uid]


def test_before_anything_is_measured_nothing_is_told_or_passed_over(space, project, saved):
    measured = space.random_pair_quantiles
    type(space).objects.update(random_pair_quantiles={})
    make_case(space, [direction(0.1)], projects=[project])
    assert find_new_matches(settling=NOW) == 0

    type(space).objects.update(random_pair_quantiles=measured)
    assert find_new_matches(settling=NOW) == 1


def test_only_the_rights_of_the_moment_count(radiologist, space, project, other_project, saved):
    make_case(space, [direction(0.1)], projects=[other_project])
    assert find_new_matches(settling=NOW) == 0

    near = make_case(space, [direction(0.1)], projects=[project])
    assert find_new_matches(settling=NOW) == 1
    assert told(saved) == [near.series_instance_uid]

    Membership.objects.filter(user=radiologist).delete()
    assert unseen_matches(radiologist) == []
    assert matches_of(radiologist, saved.pk) == []


def test_a_disabled_owner_is_told_nothing(radiologist, space, project, saved):
    radiologist.is_active = False
    radiologist.save()
    make_case(space, [direction(0.1)], projects=[project])

    assert find_new_matches(settling=NOW) == 0
    assert unseen_matches(radiologist) == []


def test_a_search_whose_object_is_hidden_by_now_tells_nothing(
    radiologist, space, project, other_project, saved, asked
):
    asked.study.projects.set([other_project])
    make_case(space, [direction(0.1)], projects=[project])

    assert find_new_matches(settling=NOW) == 0


def test_one_search_that_cannot_be_asked_does_not_stop_the_others(
    radiologist, space, project, saved
):
    start_session(radiologist, SimilarQuery(series="1.2.3"), name="A", is_notifying=True)
    make_case(space, [direction(0.1)], projects=[project])

    assert find_new_matches(settling=NOW) == 1


def test_filters_and_folding_hold(radiologist, space, project, asked):
    query = SimilarQuery(series=asked.series_instance_uid, filters=Filters(modality=("MR",)))
    session = start_session(radiologist, query, name="MR", is_notifying=True)
    make_case(space, [direction(0.05)], projects=[project], modality="CT")
    first = make_case(space, [direction(0.15)], projects=[project], modality="MR")
    best = make_case(
        space, [direction(0.1)], projects=[project], modality="MR", patient=first.study.patient
    )

    find_new_matches(settling=NOW)

    assert told(session) == [best.series_instance_uid]


def test_the_patient_that_is_asked_by_is_not_told_of(space, project, saved, asked):
    make_case(space, [direction(0.1)], projects=[project], patient=asked.study.patient)

    assert find_new_matches(settling=NOW) == 0


def test_looking_goes_on_where_it_was_interrupted(space, project, saved, monkeypatch):
    monkeypatch.setattr(alerts, "_VECTORS_A_STEP", 3)
    monkeypatch.setattr(alerts, "_STEPS", 1)
    several = [make_case(space, [direction(0.1)], projects=[project]) for _ in range(4)]

    counts = [find_new_matches(settling=NOW) for _ in range(4)]

    assert sum(counts) == 4
    assert counts[0] < 4
    assert told(saved) == sorted(one.series_instance_uid for one in several)


def test_vectors_of_other_spaces_say_nothing(space, project, saved):
    make_case(make_space(is_default=False), [direction(0.1)], projects=[project])

    assert find_new_matches(settling=NOW) == 0


def test_words_alone_are_told_when_they_come(radiologist, space, project):
    query = SimilarQuery(text="nodule")
    session = start_session(radiologist, query, name="Nodules", is_notifying=True)
    new = SeriesFactory(study=make_case(space, [direction(0)], projects=[project]).study)
    fresh(new)
    assert find_new_matches(settling=NOW) == 0

    Label.objects.create(study=new.study, series=new, label_set="s", label="nodule")
    fresh(new)

    assert find_new_matches(settling=NOW) == 1
    assert find_new_matches(settling=NOW) == 0
    assert told(session) == [new.series_instance_uid]


def test_words_of_old_and_of_hidden_cases_are_not_told(radiologist, space, project, other_project):
    old = make_case(space, [direction(0)], projects=[project], series_description="nodule")
    start_session(radiologist, SimilarQuery(text="nodule"), name="Nodules", is_notifying=True)
    hidden = make_case(space, [direction(0)], projects=[other_project], series_description="nodule")
    fresh(old, hidden)

    assert find_new_matches(settling=NOW) == 0


def test_texts_are_looked_through_in_steps(radiologist, space, project, monkeypatch):
    monkeypatch.setattr(alerts, "_TEXTS_A_STEP", 2)
    start_session(radiologist, SimilarQuery(text="nodule"), name="Nodules", is_notifying=True)
    for _ in range(5):
        fresh(make_case(space, [direction(0)], projects=[project], series_description="nodule"))

    assert find_new_matches(settling=NOW) == 5


def fresh(*series) -> None:
    mark_words_stale(one.study_id for one in series)
    refresh_words()


def test_seen_matches_are_not_new_again(radiologist, space, project, saved):
    for _ in range(3):
        make_case(space, [direction(0.1)], projects=[project])
    find_new_matches(settling=NOW)
    first = unseen_matches(radiologist)[0]

    assert mark_seen(radiologist, saved.pk, [first.pk]) == 1
    assert len(unseen_matches(radiologist, saved.pk)) == 2
    assert mark_seen(radiologist, saved.pk) == 2
    assert unseen_matches(radiologist) == []
    assert len(matches_of(radiologist, saved.pk)) == 3


def test_matches_are_the_matter_of_the_owner(radiologist, colleague, outsider, project, saved):
    save_search(radiologist, saved.pk, name="Alike", project=project.slug, is_notifying=True)

    assert unseen_matches(colleague) == []
    with pytest.raises(NotAllowedError):
        matches_of(colleague, saved.pk)
    with pytest.raises(NotVisibleError):
        mark_seen(outsider, saved.pk)


def test_a_changed_question_looks_from_now_on(radiologist, space, project, saved, asked):
    make_case(space, [direction(0.1)], projects=[project])
    add_round(radiologist, saved.pk, SimilarQuery(series=asked.series_instance_uid, k=3))

    assert find_new_matches(settling=NOW) == 0


def test_only_so_many_matches_are_kept(radiologist, space, project, saved, monkeypatch):
    monkeypatch.setattr(alerts, "MAX_MATCHES", 2)
    for angle in (0.15, 0.05, 0.1):
        make_case(space, [direction(angle)], projects=[project])

    find_new_matches(settling=NOW)

    scores = [match.score for match in matches_of(radiologist, saved.pk)]
    assert scores == pytest.approx([np.cos(0.05), np.cos(0.1)], abs=2e-3)


def test_sessions_without_a_name_are_forgotten_after_a_month(radiologist, asked, saved):
    start_session(radiologist, SimilarQuery(series=asked.series_instance_uid))
    assert forget_unnamed_searches() == 0
    SearchSession.objects.update(updated_at="2020-01-01T00:00Z")

    assert forget_unnamed_searches() == 1
    assert SearchSession.objects.get() == saved


def test_match_that_turns_out_to_be_on_trial_is_told_to_reviewers_alone(
    radiologist, space, project, saved
):
    near = make_case(space, [direction(0.1)], projects=[project])
    find_new_matches(settling=NOW)
    Series.objects.filter(pk=near.pk).update(withheld="trial")
    assert len(unseen_matches(radiologist)) == 1
    assert unread_count(radiologist) == 1

    Membership.objects.filter(user=radiologist).update(role="viewer")

    assert unseen_matches(radiologist) == []
