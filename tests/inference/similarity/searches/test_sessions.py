"""Searches that are asked on, undone, kept, shared and run again."""

from __future__ import annotations

from datetime import date

import pytest

from archive.audit.types import Asker
from archive.errors import LimitExceededError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent, Membership
from inference.models import SearchRound, SearchSession
from inference.similarity.errors import InvalidQueryError, UnknownSpaceError
from inference.similarity.searches import sessions
from inference.similarity.searches.notation import query_from_json, query_json
from inference.similarity.searches.sessions import (
    add_round,
    ask_in_session,
    change_search,
    current_query,
    delete,
    get_search,
    list_searches,
    redo,
    run_search,
    save_search,
    share,
    shown_query,
    start_session,
    undo,
)
from inference.similarity.types import Filters, Level, PatientScope, Region, SimilarQuery
from tests.builders.vectors import direction, make_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def cases(space, project, other_project):
    """Three of ours by growing distance, and one that only others see."""
    ours = [make_case(space, [direction(angle)], projects=[project]) for angle in (0, 0.2, 1.0)]
    return ours, make_case(space, [direction(0.1)], projects=[other_project])


@pytest.fixture
def query(cases):
    return SimilarQuery(series=cases[0][0].series_instance_uid)


def positive(query, series):
    return SimilarQuery(series=query.series, positive=(series.instances.get().sop_instance_uid,))


FULL = SimilarQuery(
    study="1.2",
    series="1.3",
    instance="1.4",
    frame=2,
    region=Region(1, 2, 3, 4),
    text="nodule",
    positive=("1.5",),
    negative=("1.6", "1.7"),
    filters=Filters(
        modality=("CT", "MR"),
        view=("PA",),
        finding=("any",),
        attribute=(("KVP", "120"), ("KVP", "100"), ("Manufacturer", "X")),
        date_from=date(2020, 1, 2),
        age_to=80,
    ),
    level=Level.INSTANCE,
    k=7,
    patient=PatientScope.ANY,
    fold=False,
    space="other",
    explain=False,
    rerank=False,
)


def test_a_query_comes_back_as_it_was_written_down():
    import json

    assert query_from_json(json.loads(json.dumps(query_json(FULL)))) == FULL
    assert query_json(SimilarQuery(text="nodule")) == {"text": "nodule"}


def test_a_query_of_another_release_is_read_as_far_as_it_is_known():
    written = {"text": "nodule", "mood": "blue", "filters": {"modality": ["CT"], "shoe": 42}}

    query = SimilarQuery(text="nodule", filters=Filters(modality=("CT",)))
    assert query_from_json(written) == query


def test_an_uploaded_image_is_never_written_down(radiologist, space, query):
    with pytest.raises(InvalidQueryError) as caught:
        start_session(radiologist, SimilarQuery(image=b"x", text="nodule"))
    assert caught.value.field == "image"

    session = start_session(radiologist, query)
    with pytest.raises(InvalidQueryError):
        add_round(radiologist, session.pk, SimilarQuery(image=b"x"))
    assert SearchRound.objects.count() == 1


def test_a_wrong_query_begins_no_session(radiologist, space):
    with pytest.raises(InvalidQueryError):
        start_session(radiologist, SimilarQuery(series="1.2", k=0))
    with pytest.raises(UnknownSpaceError):
        start_session(radiologist, SimilarQuery(series="1.2", space="none"))
    assert not SearchSession.objects.exists()


def test_rounds_are_undone_and_redone(radiologist, cases, query):
    second, third = (positive(query, series) for series in cases[0][1:])
    session = start_session(radiologist, query)
    add_round(radiologist, session.pk, second)
    add_round(radiologist, session.pk, third)

    assert current_query(undo(radiologist, session.pk)) == second
    assert current_query(undo(radiologist, session.pk)) == query
    with pytest.raises(InvalidQueryError):
        undo(radiologist, session.pk)
    assert current_query(redo(radiologist, session.pk)) == second
    assert current_query(redo(radiologist, session.pk)) == third
    with pytest.raises(InvalidQueryError):
        redo(radiologist, session.pk)


def test_a_new_round_takes_the_place_of_what_was_undone(radiologist, cases, query):
    second, third = (positive(query, series) for series in cases[0][1:])
    session = start_session(radiologist, query)
    add_round(radiologist, session.pk, second)
    undo(radiologist, session.pk)

    session = add_round(radiologist, session.pk, third)

    assert current_query(session) == third
    assert session.rounds.count() == 2
    with pytest.raises(InvalidQueryError):
        redo(radiologist, session.pk)


def test_rounds_and_sessions_have_an_end(radiologist, query, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_ROUNDS", 2)
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 1)
    session = start_session(radiologist, query)
    add_round(radiologist, session.pk, query)

    with pytest.raises(LimitExceededError):
        add_round(radiologist, session.pk, query)
    with pytest.raises(LimitExceededError):
        start_session(radiologist, query)


def test_feedback_moves_the_answer_and_undo_moves_it_back(radiologist, space, project, query):
    left = make_case(space, [direction(0.5)], projects=[project])
    right = make_case(space, [direction(-0.5)], projects=[project])
    session = start_session(radiologist, SimilarQuery(series=query.series, k=5))
    before = run_search(radiologist, session.pk)
    fed = SimilarQuery(
        series=query.series,
        k=5,
        positive=(right.instances.get().sop_instance_uid,),
        negative=(left.instances.get().sop_instance_uid,),
    )

    answer = ask_in_session(radiologist, session.pk, fed)

    assert answer.results[0].series_uid == right.series_instance_uid
    assert left.series_instance_uid not in {one.series_uid for one in answer.results}
    undo(radiologist, session.pk)
    assert run_search(radiologist, session.pk).results == before.results


def test_a_question_without_an_answer_is_no_round(radiologist, query):
    session = start_session(radiologist, query)

    with pytest.raises(NotVisibleError):
        ask_in_session(radiologist, session.pk, SimilarQuery(series="1.2.3"))
    with pytest.raises(InvalidQueryError):
        ask_in_session(radiologist, session.pk, SimilarQuery(image=b"x"))

    assert session.rounds.count() == 1


def test_a_saved_search_is_listed_and_renamed(radiologist, colleague, query):
    session = start_session(radiologist, query)
    assert list_searches(radiologist) == []
    assert list_searches(radiologist, only_saved=False) == [session]

    save_search(radiologist, session.pk, name=" Nodules ")
    save_search(radiologist, session.pk, name="Left nodules")

    assert [one.name for one in list_searches(radiologist)] == ["Left nodules"]
    assert list_searches(colleague, only_saved=False) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 129, "two\nlines", "nul\x00"])
def test_an_unfit_name_is_refused(radiologist, query, name):
    session = start_session(radiologist, query)

    with pytest.raises(InvalidQueryError) as caught:
        save_search(radiologist, session.pk, name=name)

    assert caught.value.field == "name"


def test_a_name_is_taken_once_an_owner(radiologist, colleague, query):
    start_session(radiologist, query, name="Nodules")
    start_session(colleague, query, name="Nodules")

    with pytest.raises(InvalidQueryError) as caught:
        start_session(radiologist, query, name="Nodules")

    assert (caught.value.field, caught.value.code) == ("name", "name-taken")
    assert SearchSession.objects.count() == 2


def test_only_a_named_search_is_shared_or_notifies(radiologist, project, query):
    with pytest.raises(InvalidQueryError):
        start_session(radiologist, query, project=project.slug)
    with pytest.raises(InvalidQueryError):
        start_session(radiologist, query, is_notifying=True)
    assert not SearchSession.objects.exists()
    session = start_session(radiologist, query)
    with pytest.raises(InvalidQueryError):
        share(radiologist, session.pk, project=project.slug)


def test_members_see_a_shared_search_and_outsiders_do_not(
    radiologist, colleague, outsider, project, query
):
    session = start_session(radiologist, query, name="Nodules", project=project.slug)

    assert get_search(colleague, session.pk) == session
    assert list_searches(colleague) == [session]
    assert list_searches(outsider) == []
    with pytest.raises(NotVisibleError):
        get_search(outsider, session.pk)
    share(radiologist, session.pk, project="")
    with pytest.raises(NotVisibleError):
        get_search(colleague, session.pk)


@pytest.mark.parametrize(
    ("is_deidentified", "roles", "is_seen"),
    [
        (False, ["researcher"], False),
        (True, ["researcher"], True),
        (False, ["researcher", "viewer"], True),
        (True, [], False),
    ],
)
def test_researchers_see_searches_of_projects_without_identities_alone(
    radiologist, project, outsider, query, is_deidentified, roles, is_seen
):
    project.is_deidentified = is_deidentified
    project.save()
    for role in roles:
        Membership.objects.create(user=outsider, project=project, role=role)
    outsider.memberships.exclude(project=project).delete()
    session = start_session(radiologist, query, name="Mrs. Doe's nodule", project=project.slug)

    assert bool(list_searches(outsider)) is is_seen
    if not is_seen:
        with pytest.raises(NotVisibleError):
            get_search(outsider, session.pk)


def test_a_search_is_shared_only_where_its_owner_reads(radiologist, other_project, query):
    session = start_session(radiologist, query, name="Nodules")

    for slug in (other_project.slug, "no-such-project", "nul\x00"):
        with pytest.raises(NotVisibleError):
            share(radiologist, session.pk, project=slug)


def test_members_run_but_do_not_change(radiologist, colleague, project, query):
    session = start_session(radiologist, query, name="Nodules", project=project.slug)

    assert run_search(colleague, session.pk).results
    for act in (
        lambda: add_round(colleague, session.pk, query),
        lambda: undo(colleague, session.pk),
        lambda: save_search(colleague, session.pk, name="Mine"),
        lambda: share(colleague, session.pk, project=""),
        lambda: delete(colleague, session.pk),
        lambda: ask_in_session(colleague, session.pk, query),
    ):
        with pytest.raises(NotAllowedError):
            act()


def test_a_shared_search_answers_with_the_rights_of_its_runner(
    radiologist, colleague, outsider, project, other_project, cases, query
):
    """The outsider joins the project but not all that the owner sees in the other one."""
    hidden = cases[1]
    Membership.objects.create(user=radiologist, project=other_project, role="viewer")
    session = start_session(radiologist, query, name="Nodules", project=project.slug)

    owner_finds = {one.series_uid for one in run_search(radiologist, session.pk).results}
    member_finds = {one.series_uid for one in run_search(colleague, session.pk).results}

    assert owner_finds - member_finds == {hidden.series_instance_uid}


def test_objects_outside_the_rights_of_the_runner_are_not_there(
    radiologist, colleague, project, other_project, cases
):
    hidden = cases[1]
    Membership.objects.create(user=radiologist, project=other_project, role="viewer")
    forbidden = start_session(
        radiologist,
        SimilarQuery(series=hidden.series_instance_uid, k=3),
        name="Hidden",
        project=project.slug,
    )
    absent = start_session(
        radiologist, SimilarQuery(series="1.2.3"), name="Absent", project=project.slug
    )
    messages = set()
    for session in (forbidden, absent):
        with pytest.raises(NotVisibleError) as caught:
            run_search(colleague, session.pk)
        messages.add(caught.value.message)

    assert len(messages) == 1
    assert shown_query(colleague, forbidden) == ({"k": 3}, True)
    assert shown_query(colleague, absent) == ({}, True)
    assert shown_query(radiologist, forbidden)[1] is False


def test_examples_outside_the_rights_of_the_reader_are_left_out(radiologist, cases, query):
    ours, hidden = cases
    seen, unseen = (one.instances.get().sop_instance_uid for one in (ours[1], hidden))
    session = start_session(radiologist, SimilarQuery(series=query.series, positive=(seen, unseen)))

    shown, is_hidden = shown_query(radiologist, session)

    assert shown == {"series": query.series, "positive": [seen]}
    assert is_hidden


@pytest.mark.parametrize("key", [0, -1, 10**30, 999_999])
def test_no_search_has_a_key_that_none_has(radiologist, key):
    with pytest.raises(NotVisibleError):
        get_search(radiologist, key)


def test_a_disabled_account_has_no_searches(radiologist, query):
    session = start_session(radiologist, query, name="Nodules")
    radiologist.is_active = False

    assert list_searches(radiologist) == []
    with pytest.raises(NotVisibleError):
        run_search(radiologist, session.pk)
    with pytest.raises(NotVisibleError):
        start_session(radiologist, query)


def test_changes_leave_what_they_do_not_name(radiologist, project, query):
    session = start_session(radiologist, query, name="Nodules", project=project.slug)

    changed = change_search(radiologist, session.pk, is_notifying=True)
    assert (changed.name, changed.project, changed.is_notifying) == ("Nodules", project, True)
    changed = change_search(radiologist, session.pk, name="Masses", project="")
    assert (changed.name, changed.project, changed.is_notifying) == ("Masses", None, True)


def test_saving_sharing_and_deleting_are_audited_without_what_is_asked(radiologist, project, query):
    asker = Asker(door="test", user=radiologist)
    session = start_session(radiologist, query, name="Nodules", project=project.slug, asker=asker)
    delete(radiologist, session.pk, asker=asker)

    events = list(AuditEvent.objects.order_by("pk"))
    assert [event.act for event in events] == ["save-search", "share-search", "delete-search"]
    assert "Nodules" not in str([event.details for event in events])
    assert query.series not in str([event.details for event in events])
    assert not SearchSession.objects.exists()
