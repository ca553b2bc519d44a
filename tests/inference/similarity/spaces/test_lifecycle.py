"""Spaces take over from each other in one step, and back; searching goes on all the while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection

from archive.audit.types import Asker
from archive.errors import NotAllowedError
from archive.models import AuditEvent, Series
from archive.models.turns import turn_if_free
from inference.models import EmbeddingSpace, ModelVersion, SpaceFill, SpacePromotion
from inference.similarity.errors import (
    SpaceConflictError,
    SpaceNotReadyError,
    UnknownSpaceError,
)
from inference.similarity.services import search_similar
from inference.similarity.spaces.lifecycle import (
    fill_space,
    pause_space,
    promote_space,
    retire_space,
    rollback_space,
)
from inference.similarity.spaces.overview import (
    describe_spaces,
    rollback_target,
    space_of_model,
)
from inference.similarity.spaces.registry import (
    _INDEX_LOCK,
    SpaceOrigin,
    are_indexes_valid,
    drop_space_index,
    find_space,
    register_space,
    space_provenance,
)
from inference.similarity.spaces.writing import refresh_series_embedding, store_embeddings
from inference.similarity.types import InstanceVector, SimilarQuery
from tests.builders.spaces import make_descriptor_space
from tests.builders.vectors import direction, embed_instances, make_case, make_space
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db

OPERATOR = Asker(door="command", name="test")


@pytest.fixture
def old() -> EmbeddingSpace:
    return make_space()


@pytest.fixture
def new() -> EmbeddingSpace:
    return make_space(dimension=4, is_default=False)


def default() -> EmbeddingSpace:
    return EmbeddingSpace.objects.get(is_default=True)


def test_promotion_switches_the_default_and_is_on_record(old, new, archive_admin):
    promotion = promote_space(Asker(door="portal", user=archive_admin), new.name, "better by .05")

    assert default() == new
    assert (promotion.space, promotion.previous_space) == (new, old)
    assert (promotion.actor, promotion.reason) == (archive_admin, "better by .05")
    event = AuditEvent.objects.get(act="promote-space")
    assert event.details["space"] == new.name
    assert event.details["former"] == old.name


def test_promotion_of_the_default_space_changes_nothing(old, new):
    first = promote_space(OPERATOR, new.name)

    assert promote_space(OPERATOR, new.name) == first
    assert SpacePromotion.objects.count() == 1


@pytest.mark.parametrize("state", ["registered", "filling", "retired"])
def test_space_that_is_not_ready_is_not_promoted(old, new, state):
    EmbeddingSpace.objects.filter(pk=new.pk).update(state=state)

    with pytest.raises(SpaceConflictError, match="is not ready"):
        promote_space(OPERATOR, new.name)

    assert default() == old


def test_space_that_is_being_filled_is_promoted_by_force_alone(old, new):
    EmbeddingSpace.objects.filter(pk=new.pk).update(state="filling")

    promote_space(OPERATOR, new.name, is_forced=True)

    assert default() == new
    assert find_space() == new


def test_promotion_makes_the_indexes_first(old, new):
    drop_space_index(new)

    promote_space(OPERATOR, new.name)

    assert are_indexes_valid(new)


@pytest.mark.django_db(transaction=True)
def test_indexes_that_another_process_is_building_are_waited_for(old, new):
    drop_space_index(new)
    built, done = threading.Event(), threading.Event()

    def hold() -> None:
        with turn_if_free(_INDEX_LOCK, str(new.pk)) as is_alone:
            assert is_alone
            built.set()
            done.wait(30)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert built.wait(30)
        with pytest.raises(SpaceConflictError, match="being built"):
            promote_space(OPERATOR, new.name)
    finally:
        done.set()
        other.join()
    assert default() == old


def test_rollback_goes_back_one_promotion_after_the_other(old, new):
    third = make_space(dimension=5, is_default=False)
    promote_space(OPERATOR, new.name)
    promote_space(OPERATOR, third.name)

    assert rollback_target() == new.name
    assert rollback_space(OPERATOR).is_rollback
    assert default() == new
    rollback_space(OPERATOR)
    assert default() == old
    with pytest.raises(SpaceConflictError, match="before"):
        rollback_space(OPERATOR)


def test_rollback_after_a_rollback_and_a_promotion_undoes_the_promotion(old, new):
    third = make_space(dimension=5, is_default=False)
    promote_space(OPERATOR, new.name)
    rollback_space(OPERATOR)
    promote_space(OPERATOR, third.name)

    rollback_space(OPERATOR)

    assert default() == old


def test_rollback_to_a_retired_space_is_refused(old, new):
    promote_space(OPERATOR, new.name)
    retire_space(OPERATOR, old.name)

    with pytest.raises(SpaceConflictError):
        rollback_space(OPERATOR)

    assert default() == new
    assert rollback_target() == ""


def test_search_is_answered_by_the_space_of_the_moment(old, new, project, radiologist):
    asked = make_case(old, [direction(0)], projects=[project])
    found = make_case(old, [direction(0.3)], projects=[project])
    for series in (asked, found):
        instance = series.instances.get()
        embed_instances(new, series, [direction(0.1, dimension=4)])
        instance.delete()
    query = SimilarQuery(series=asked.series_instance_uid)

    before = search_similar(radiologist, query)
    promote_space(OPERATOR, new.name)
    after = search_similar(radiologist, query)
    rollback_space(OPERATOR)
    again = search_similar(radiologist, query)

    assert [answer.space for answer in (before, after, again)] == [old.name, new.name, old.name]


@pytest.mark.django_db(transaction=True)
def test_no_search_fails_while_spaces_take_over_from_each_other(old, new, project, radiologist):
    asked = make_case(old, [direction(0)], projects=[project])
    make_case(old, [direction(0.3)], projects=[project])
    for series in Series.objects.all():
        vector = InstanceVector(
            instance_id=series.instances.get().pk, vector=direction(0.1, dimension=4)
        )
        store_embeddings(space=new, vectors=[vector])
        refresh_series_embedding(space=new, series_id=series.pk)
    query = SimilarQuery(series=asked.series_instance_uid)
    is_over = threading.Event()

    def search() -> list[tuple[str, int]]:
        try:
            answers = []
            while not is_over.is_set():
                answer = search_similar(radiologist, query)
                answers.append((answer.space, len(answer.results)))
            return answers
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        searches = [pool.submit(search) for _ in range(2)]
        for _ in range(5):
            promote_space(OPERATOR, new.name)
            rollback_space(OPERATOR)
        is_over.set()
        found = [answer for one in searches for answer in one.result()]

    assert found
    assert set(found) <= {(old.name, 1), (new.name, 1)}


@pytest.mark.parametrize("act", [fill_space, pause_space, promote_space, retire_space])
def test_only_radiology_admins_change_spaces(old, new, radiologist, colleague, act):
    for user in (radiologist, colleague, None):
        with pytest.raises(NotAllowedError):
            act(Asker(door="portal", user=user), new.name)


@pytest.mark.parametrize("act", [fill_space, pause_space, promote_space, retire_space])
def test_unknown_space_is_named_as_such(act, db):
    with pytest.raises(UnknownSpaceError):
        act(OPERATOR, "none")


def test_default_space_is_not_retired(old):
    with pytest.raises(SpaceConflictError, match="by default"):
        retire_space(OPERATOR, old.name)


def test_space_that_a_model_in_use_needs_is_not_retired(old, new):
    ModelVersionFactory(config={"space": new.name}, task=ModelVersion.Task.CLASSIFY)

    with pytest.raises(SpaceConflictError, match="is needed by the model"):
        retire_space(OPERATOR, new.name)


def test_space_that_is_not_filled_is_not_paused(new):
    with pytest.raises(SpaceConflictError):
        pause_space(OPERATOR, new.name)


def test_fill_of_a_ready_space_changes_nothing(new):
    assert fill_space(OPERATOR, new.name).state == "ready"
    assert not SpaceFill.objects.exists()


def test_question_to_a_space_being_filled_says_how_far_it_is(project):
    space = make_descriptor_space()
    with pytest.raises(SpaceNotReadyError, match="not filled"):
        find_space(space.name)
    fill_space(OPERATOR, space.name)
    SpaceFill.objects.update(number_of_images=40, number_of_images_done=12)

    with pytest.raises(SpaceNotReadyError, match="30 % of it is there") as caught:
        find_space(space.name)

    assert caught.value.field == "space"
    assert find_space(space.name, in_any_state=True) == space


def test_where_vectors_come_from_is_stated(new):
    space = make_descriptor_space()

    stated = space_provenance(find_space(space.name, in_any_state=True))

    assert stated == {
        "space": "intensity-histogram-v1",
        "model": "intensity-histogram-v1 1",
        "weights": space.weights_digest,
        "preprocessing": "1",
        "metric": "bhattacharyya",
        "dimension": 32,
    }


def test_where_vectors_come_from_never_changes():
    version = ModelVersionFactory()
    register_space(version, dimension=4, origin=SpaceOrigin(weights_digest="a" * 64))

    with pytest.raises(SpaceConflictError, match="weights_digest"):
        register_space(version, dimension=4, origin=SpaceOrigin(weights_digest="b" * 64))
    with pytest.raises(SpaceConflictError, match="metric"):
        register_space(version, dimension=4, origin=SpaceOrigin(metric="euclidean"))

    assert EmbeddingSpace.objects.get().weights_digest == "a" * 64


def test_space_from_before_digests_learns_its_own_once():
    version = ModelVersionFactory()
    register_space(version, dimension=4)

    register_space(version, dimension=4, origin=SpaceOrigin(weights_digest="a" * 64))

    assert EmbeddingSpace.objects.get().weights_digest == "a" * 64


@pytest.mark.parametrize(
    "change", [{"metric": "euclidean"}, {"dimension": 9}, {"weights_digest": "b" * 64}]
)
def test_the_database_itself_keeps_what_vectors_come_from(old, project, change):
    EmbeddingSpace.objects.filter(pk=old.pk).update(weights_digest="a" * 64)
    make_case(old, [direction(0)], projects=[project])

    with pytest.raises(IntegrityError, match="never changes"):
        EmbeddingSpace.objects.filter(pk=old.pk).update(**change)


def test_overview_says_what_may_be_done(old, new):
    registered = make_descriptor_space()
    filling = make_descriptor_space("texture-v1")
    fill_space(OPERATOR, filling.name)

    first, *others = describe_spaces()
    by_name = {one.name: one for one in others}

    assert first.name == old.name
    assert {first.can_promote, first.can_retire, first.can_fill} == {False}
    assert by_name[new.name].can_promote
    assert by_name[registered.name].can_fill
    assert not by_name[registered.name].can_promote
    assert by_name[filling.name].can_pause
    pause_space(OPERATOR, filling.name)
    paused = next(one for one in describe_spaces() if one.name == filling.name)
    assert paused.can_fill
    assert not paused.can_pause


def test_space_of_a_model_is_found_by_either_name(new):
    model = new.model_version

    assert space_of_model(model.name) == new.name
    assert space_of_model(model.name, model.version) == new.name
    assert space_of_model(new.name) == new.name
    assert space_of_model("none") == ""
