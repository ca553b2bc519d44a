"""Words, looks, and mixes of them, asked as a clinician asks."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser

from inference.models import Label
from inference.similarity import parts
from inference.similarity.services import search_similar
from inference.similarity.types import (
    Filters,
    Level,
    PatientScope,
    Region,
    ScoreKind,
    SimilarQuery,
)
from inference.similarity.words.series_words import (
    mark_missing_words,
    mark_words_stale,
    refresh_words,
)
from tests.builders.similarity_world import make_world
from tests.builders.vectors import direction, embed_instances, make_case
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def case(space, project, angle, *, label: str = "", **options):
    series = make_case(space, [direction(angle)], projects=[project], **options)
    if label:
        Label.objects.create(study=series.study, series=series, label_set="s", label=label)
    fresh(series)
    return series


def fresh(*series) -> None:
    mark_words_stale(one.study_id for one in series)
    refresh_words()


def uids(answer) -> list[str]:
    return [result.series_uid for result in answer.results]


@pytest.fixture
def asked(space, project):
    return case(space, project, 0.0)


# --- words alone -------------------------------------------------------------------------------


def test_words_alone_find_labels_before_descriptions(radiologist, space, project):
    described = case(space, project, 1.0, series_description="nodule follow-up")
    labelled = case(space, project, 2.0, label="nodule")
    of_study = case(space, project, 3.0, study={"study_description": "nodule"})
    case(space, project, 0.5, label="effusion")

    answer = search_similar(radiologist, SimilarQuery(text="Nodules"))

    found = [labelled, described, of_study]
    assert uids(answer) == [one.series_instance_uid for one in found]
    assert {result.score_kind for result in answer.results} == {ScoreKind.TEXT}
    assert all(0 < result.score < 1 for result in answer.results)
    assert all(result.percentile is None for result in answer.results)
    assert all(result.matched_by == ("text",) for result in answer.results)
    assert answer.exact
    assert answer.closeness.cut is None


def test_words_alone_show_the_middle_image(radiologist, space, project):
    series = make_case(
        space, [direction(angle) for angle in (0, 1, 2)], projects=[project],
        series_description="nodule",
    )  # fmt: skip
    fresh(series)
    middle = list(series.instances.order_by("instance_number"))[1]

    (result,) = search_similar(radiologist, SimilarQuery(text="nodule")).results

    assert result.instance_uid == middle.sop_instance_uid
    assert middle.sop_instance_uid in result.thumbnail


def test_words_find_what_has_no_vector_yet(radiologist, space, project):
    series = SeriesFactory(study=StudyFactory(projects=[project]), series_description="nodule")
    fresh(series)

    assert uids(search_similar(radiologist, SimilarQuery(text="nodule"))) == [
        series.series_instance_uid
    ]


def test_words_are_looked_for_inside_rights_and_filters(
    radiologist, outsider, space, project, other_project
):
    ours = case(space, project, 0.1, label="nodule", modality="CT")
    case(space, project, 0.1, label="nodule", modality="MR")
    hidden = case(space, other_project, 0.1, label="nodule", modality="CT")
    query = SimilarQuery(text="nodule", filters=Filters(modality=("CT",)))

    assert uids(search_similar(radiologist, query)) == [ours.series_instance_uid]
    assert uids(search_similar(outsider, query)) == [hidden.series_instance_uid]
    filtered = SimilarQuery(text="nodule", filters=Filters(project=(other_project.slug,)))
    assert uids(search_similar(radiologist, filtered)) == []


def test_forbidden_words_change_nothing_in_the_answer(radiologist, space, project, other_project):
    patient = PatientFactory()
    case(space, project, 0.1, label="nodule", patient=patient)
    before = search_similar(radiologist, SimilarQuery(text="nodule")).results

    for _ in range(3):
        case(space, other_project, 0.1, label="nodule", patient=patient)

    assert search_similar(radiologist, SimilarQuery(text="nodule")).results == before


def test_words_are_folded_by_patient_and_counted(radiologist, space, project):
    patient = PatientFactory()
    best = case(space, project, 0.1, label="nodule", patient=patient)
    for _ in range(2):
        case(space, project, 0.1, series_description="nodule", patient=patient)
    case(space, project, 0.1, series_description="other", patient=patient)

    (result,) = search_similar(radiologist, SimilarQuery(text="nodule")).results
    unfolded = search_similar(radiologist, SimilarQuery(text="nodule", fold=False)).results

    assert result.series_uid == best.series_instance_uid
    assert result.siblings == 2
    assert len(unfolded) == 3
    assert unfolded[0].siblings == 0


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("level", list(Level))
def test_words_answer_at_every_level(radiologist, space, project, level, fold):
    series = make_case(
        space, [direction(0), direction(1)], projects=[project], series_description="nodule"
    )
    second = SeriesFactory(study=series.study, series_description="nodule nodule")
    embed_instances(space, second, [direction(2)])
    fresh(series)
    case(space, project, 0.1)

    results = search_similar(
        radiologist, SimilarQuery(text="nodule", level=level, fold=fold)
    ).results

    number = {Level.STUDY: 1, Level.SERIES: 2}.get(level, 3)
    assert len(results) == (1 if fold else number)
    assert {result.study_uid for result in results} == {series.study.study_instance_uid}
    if level in {Level.INSTANCE, Level.FRAME}:
        assert all(result.instance_uid for result in results)
        assert all((result.frame == 1) is (level is Level.FRAME) for result in results)
    if level in {Level.STUDY, Level.SERIES} and fold:
        assert results[0].siblings == (0 if level is Level.STUDY else 1)


def test_words_give_k_and_no_more(radiologist, space, project):
    for _ in range(4):
        case(space, project, 0.1, label="nodule")

    assert len(search_similar(radiologist, SimilarQuery(text="nodule", k=3)).results) == 3


def test_of_words_that_very_many_have_the_newest_are_ranked(
    radiologist, space, project, monkeypatch
):
    monkeypatch.setattr("inference.similarity.words.ranking.MAX_RANKED", 2)
    several = [case(space, project, 0.1, label="nodule") for _ in range(3)]

    answer = search_similar(radiologist, SimilarQuery(text="nodule"))

    assert uids(answer) == [one.series_instance_uid for one in several[1:]]


def test_words_of_nobody_signed_in_find_nothing(space, project):
    case(space, project, 0.1, label="nodule")

    assert search_similar(AnonymousUser(), SimilarQuery(text="nodule")).results == ()


def test_a_negative_example_beside_words_alone_is_left_out(radiologist, space, project):
    bad = case(space, project, 0.1, label="nodule")
    good = case(space, project, 0.1, label="nodule")
    query = SimilarQuery(text="nodule", negative=(bad.instances.get().sop_instance_uid,))

    answer = search_similar(radiologist, query)

    assert uids(answer) == [good.series_instance_uid]
    assert answer.results[0].score_kind == ScoreKind.TEXT


# --- mixes -------------------------------------------------------------------------------------


def test_a_stored_object_and_words_are_fused(radiologist, space, project, asked):
    near = case(space, project, 0.1)
    near_and_said = case(space, project, 0.2, label="nodule")
    far_and_said = case(space, project, 2.0, label="nodule")
    query = SimilarQuery(series=asked.series_instance_uid, text="nodule")

    answer = search_similar(radiologist, query)

    assert uids(answer)[0] == near_and_said.series_instance_uid
    assert set(uids(answer)) == {
        one.series_instance_uid for one in (near, near_and_said, far_and_said)
    }
    assert {result.score_kind for result in answer.results} == {ScoreKind.RRF}
    matched = {result.series_uid: result.matched_by for result in answer.results}
    assert matched[near.series_instance_uid] == ("series",)
    assert matched[near_and_said.series_instance_uid] == ("series", "text")


def test_rare_words_never_cost_results(radiologist, space, project, asked):
    for number in range(6):
        case(space, project, 0.1 * number, label="nodule" if number == 5 else "")

    for k in (1, 3, 6):
        query = SimilarQuery(series=asked.series_instance_uid, text="nodule", k=k)
        assert len(search_similar(radiologist, query).results) == k
    query = SimilarQuery(series=asked.series_instance_uid, text="unheard", k=6)
    assert len(search_similar(radiologist, query).results) == 6


def test_a_patient_with_very_many_images_leaves_room_for_others(
    radiologist, space, project, asked, monkeypatch
):
    monkeypatch.setattr(parts, "LEAST_DEPTH", 4)
    monkeypatch.setattr(parts, "DEPTH_FACTOR", 1)
    patient = PatientFactory()
    for _ in range(8):
        case(space, project, 0.01, patient=patient)
    others = [case(space, project, angle) for angle in (0.5, 0.6)]
    query = SimilarQuery(series=asked.series_instance_uid, text="unheard", k=3)

    answer = search_similar(radiologist, query)

    assert uids(answer)[1:] == [one.series_instance_uid for one in others]
    assert answer.results[0].siblings == 7
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)


def test_a_mix_stays_inside_the_rights(radiologist, space, project, other_project, asked):
    ours = case(space, project, 0.3, label="nodule")
    query = SimilarQuery(series=asked.series_instance_uid, text="nodule", k=5)
    before = search_similar(radiologist, query).results

    case(space, other_project, 0.0, label="nodule")

    assert search_similar(radiologist, query).results == before
    assert uids(search_similar(radiologist, query)) == [ours.series_instance_uid]


@pytest.mark.parametrize("scope", list(PatientScope))
def test_the_patient_of_a_mix_is_left_out_alone_or_among_the_rest(
    radiologist, space, project, asked, scope
):
    own = case(space, project, 0.2, patient=asked.study.patient, label="nodule")
    other = case(space, project, 0.4, label="nodule")
    query = SimilarQuery(series=asked.series_instance_uid, text="nodule", patient=scope, fold=False)

    found = set(uids(search_similar(radiologist, query)))

    mine, others = {own.series_instance_uid}, {other.series_instance_uid}
    expected = {PatientScope.EXCLUDE: others, PatientScope.ONLY: mine}
    assert found == expected.get(scope, mine | others)


def test_feedback_moves_the_looks_of_a_mix(radiologist, space, project, asked):
    left = case(space, project, 0.5)
    right = case(space, project, -0.5)
    far = case(space, project, 0.7, label="nodule")
    query = SimilarQuery(
        series=asked.series_instance_uid,
        text="unheard",
        positive=(left.instances.get().sop_instance_uid,),
        negative=(right.instances.get().sop_instance_uid,),
    )

    assert uids(search_similar(radiologist, query)) == [
        left.series_instance_uid,
        far.series_instance_uid,
    ]


def test_positive_examples_and_words_are_a_mix(radiologist, space, project):
    example = case(space, project, 0.0)
    near = case(space, project, 0.2)
    said = case(space, project, 0.3, label="nodule")
    query = SimilarQuery(text="nodule", positive=(example.instances.get().sop_instance_uid,))

    answer = search_similar(radiologist, query)

    assert uids(answer) == [said.series_instance_uid, near.series_instance_uid]
    assert answer.results[0].matched_by == ("positive", "text")


@pytest.mark.parametrize("level", list(Level))
def test_a_mix_answers_at_every_level(radiologist, space, project, asked, level):
    expected = [case(space, project, angle, label="nodule") for angle in (0.1, 0.2)]
    instance = asked.instances.get().sop_instance_uid
    query = SimilarQuery(instance=instance, text="nodule", level=level)

    answer = search_similar(radiologist, query)

    assert uids(answer) == [one.series_instance_uid for one in expected]
    assert {result.matched_by for result in answer.results} == {("instance", "text")}


# --- mixes with pictures -----------------------------------------------------------------------


@pytest.fixture
def pictured(real_space, project, stored_instance):
    """A real encoder, a stored slice, and two cases whose vectors are drawn at random."""
    instance, _ = stored_instance
    rng = np.random.default_rng(7)
    others = [
        make_case(
            real_space, [rng.normal(size=384).astype(np.float32)], projects=[project],
            series_description=text,
        )
        for text in ("plain", "nodule")
    ]  # fmt: skip
    fresh(*others)
    return instance, others


@pytest.mark.parametrize("level", list(Level))
def test_a_region_or_a_picture_with_words(radiologist, pictured, png, level):
    instance, others = pictured
    region = SimilarQuery(
        instance=instance.sop_instance_uid, region=Region(1, 1, 8, 8), text="nodule", level=level
    )
    picture = SimilarQuery(image=png, text="nodule", level=level)

    for query, name in ((region, "instance"), (picture, "image")):
        answer = search_similar(radiologist, query)
        assert set(uids(answer)) == {one.series_instance_uid for one in others}
        matched = {result.series_uid: result.matched_by for result in answer.results}
        assert matched[others[1].series_instance_uid] == (name, "text")


def test_a_stored_object_and_a_picture_are_fused(radiologist, pictured, png):
    instance, others = pictured
    query = SimilarQuery(instance=instance.sop_instance_uid, frame=1, image=png)

    answer = search_similar(radiologist, query)

    assert set(uids(answer)) == {one.series_instance_uid for one in others}
    assert {result.matched_by for result in answer.results} == {("instance", "image")}
    assert {result.score_kind for result in answer.results} == {ScoreKind.RRF}


def test_three_parts_and_feedback_together(radiologist, pictured, png):
    instance, others = pictured
    query = SimilarQuery(
        instance=instance.sop_instance_uid,
        image=png,
        text="nodule",
        negative=(others[0].instances.get().sop_instance_uid,),
    )

    (result,) = search_similar(radiologist, query).results

    assert result.series_uid == others[1].series_instance_uid
    assert result.matched_by == ("instance", "image", "text")


# --- random rights -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_mixes_and_words_keep_to_random_rights(space, seed):
    world = make_world(space, np.random.default_rng(seed), patients=25)
    mark_missing_words()
    refresh_words()

    for person, user in world.people.items():
        permitted = world.permitted(person)
        said = {item.patient_id for item in permitted if "nodule" in item.labels}
        by_uid = {item.series_uid: item.patient_id for item in permitted}
        words = search_similar(user, SimilarQuery(text="nodule", k=100))
        assert {by_uid[uid] for uid in uids(words)} == said
        assert len(words.results) == len(said)
        if not permitted:
            continue
        asked = permitted[0]
        others = {item.patient_id for item in permitted} - {asked.patient_id}
        for k in (1, 5, 100):
            query = SimilarQuery(series=asked.series_uid, text="nodule", k=k)
            found = [by_uid[uid] for uid in uids(search_similar(user, query))]
            assert len(found) == len(set(found)) == min(k, len(others))
            assert set(found) <= others
