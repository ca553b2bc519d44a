"""Saved searches on their pages: rounds, sharing, new matches; each to whom they belong."""

import pytest
from django.http import QueryDict

from inference.models import SearchMatch, SearchSession
from tests.builders.vectors import direction, make_case, make_space

pytestmark = pytest.mark.django_db
LIST = "/similar/searches/"
FEEDBACK = "/similar/feedback/"


@pytest.fixture
def space(db):
    return make_space()


@pytest.fixture
def asked(space, project):
    return make_case(space, [direction(0)], projects=[project], series_description="Asked")


@pytest.fixture
def twin(space, project):
    return make_case(space, [direction(0.1)], projects=[project], series_description="Twin")


def _text(response):
    return response.content.decode()


def _uid(series):
    return series.instances.get().sop_instance_uid


def _state(series, **more):
    state = QueryDict(mutable=True)
    state.update({"series": series.series_instance_uid, **more})
    return state.urlencode()


def _saved(client, series, **form):
    # Followed, so that what was said is read by who is meant.
    client.post(LIST, {"state": _state(series), "name": "Mine", **form}, follow=True)
    return SearchSession.objects.get(name=form.get("name", "Mine"))


def _query(response):
    return QueryDict(response["Location"].partition("?")[2])


def test_a_thumb_begins_a_session_with_the_question_before_it(client, radiologist, asked, twin):
    client.force_login(radiologist)

    response = client.post(FEEDBACK, {"state": _state(asked), "positive": _uid(twin)})

    session = SearchSession.objects.get()
    assert (session.owner, session.position, session.rounds.count()) == (radiologist, 1, 2)
    query = _query(response)
    assert query["search"] == str(session.pk)
    assert query.getlist("positive") == [_uid(twin)]


def test_the_same_thumb_again_takes_the_example_back(client, radiologist, asked, twin):
    client.force_login(radiologist)
    state = _state(asked, positive=_uid(twin))

    response = client.post(FEEDBACK, {"state": state, "positive": _uid(twin)})

    assert "positive" not in _query(response)


def test_the_other_thumb_changes_sides(client, radiologist, asked, twin):
    client.force_login(radiologist)
    state = _state(asked, positive=_uid(twin))

    query = _query(client.post(FEEDBACK, {"state": state, "negative": _uid(twin)}))

    assert "positive" not in query
    assert query.getlist("negative") == [_uid(twin)]


def test_rounds_are_undone_and_redone(client, radiologist, asked, twin):
    client.force_login(radiologist)
    client.post(FEEDBACK, {"state": _state(asked), "positive": _uid(twin)})
    key = SearchSession.objects.get().pk

    undone = _query(client.post(f"{LIST}{key}/undo/"))
    before_the_first = _query(client.post(f"{LIST}{key}/undo/"))
    redone = _query(client.post(f"{LIST}{key}/redo/"))

    assert "positive" not in undone
    assert before_the_first == undone
    assert redone.getlist("positive") == [_uid(twin)]


def test_page_of_a_session_offers_undo(client, radiologist, asked, twin):
    client.force_login(radiologist)
    answer = client.post(FEEDBACK, {"state": _state(asked), "positive": _uid(twin)}, follow=True)

    assert "data-undo" in _text(answer)
    assert "Take this example back" in _text(answer)


def test_a_search_is_saved_shared_and_listed(client, radiologist, colleague, project, asked):
    client.force_login(radiologist)
    session = _saved(client, asked, project=project.slug, is_notifying="on")

    assert (session.project, session.is_notifying) == (project, True)
    assert "Mine" in _text(client.get(LIST))
    client.force_login(colleague)
    text = _text(client.get(LIST))
    assert "Mine" in text
    assert "By radiologist" in text
    assert f"{LIST}{session.pk}/delete/" not in text


def test_feedback_in_a_shared_search_begins_ones_own(
    client, radiologist, colleague, project, asked, twin
):
    client.force_login(radiologist)
    session = _saved(client, asked, project=project.slug)
    client.force_login(colleague)

    state = _state(asked, search=str(session.pk))
    query = _query(client.post(FEEDBACK, {"state": state, "positive": _uid(twin)}))

    own = SearchSession.objects.get(owner=colleague)
    assert query["search"] == str(own.pk)
    assert session.rounds.count() == 1


def test_outsider_neither_sees_nor_opens_a_search(client, radiologist, outsider, asked):
    client.force_login(radiologist)
    session = _saved(client, asked)
    client.force_login(outsider)

    assert "Mine" not in _text(client.get(LIST))
    for path in ("", "undo/", "redo/", "seen/", "delete/", "change/"):
        method = client.get if path == "" else client.post
        answer = method(f"{LIST}{session.pk}/{path}", {"name": "Theirs"})
        assert answer.status_code == 404


def test_opening_asks_again_by_its_question(client, radiologist, asked):
    client.force_login(radiologist)
    session = _saved(client, asked)

    query = _query(client.get(f"{LIST}{session.pk}/"))

    assert query["series"] == asked.series_instance_uid
    assert query["search"] == str(session.pk)


def test_a_name_is_needed_and_taken_once(client, radiologist, asked):
    client.force_login(radiologist)
    _saved(client, asked)

    nameless = client.post(LIST, {"state": _state(asked), "name": ""}, follow=True)
    taken = client.post(LIST, {"state": _state(asked), "name": "Mine"}, follow=True)

    assert "needs a name" in _text(nameless)
    assert "another search of this name" in _text(taken)


def test_new_matches_ring_the_bell_until_seen(client, radiologist, asked, twin):
    client.force_login(radiologist)
    session = _saved(client, asked, is_notifying="on")
    SearchMatch.objects.create(session=session, study=twin.study, series=twin, score=0.9)

    before = _text(client.get(LIST))
    client.post(f"{LIST}{session.pk}/seen/")
    after = _text(client.get(LIST))

    assert twin.series_instance_uid in before
    assert twin.series_instance_uid not in after


def test_a_search_is_renamed_and_deleted(client, radiologist, asked):
    client.force_login(radiologist)
    session = _saved(client, asked)

    client.post(f"{LIST}{session.pk}/change/", {"name": "Renamed"})
    assert "Renamed" in _text(client.get(LIST))
    client.post(f"{LIST}{session.pk}/delete/")
    assert not SearchSession.objects.exists()


def test_no_search_yet_says_how_to_keep_one(client, radiologist):
    client.force_login(radiologist)

    assert "No search is saved yet" in _text(client.get(LIST))


def test_list_takes_no_more_queries_for_more_searches(
    client, radiologist, asked, twin, django_assert_max_num_queries
):
    client.force_login(radiologist)
    for number in range(6):
        _saved(client, (asked, twin)[number % 2], name=f"Search {number}")

    with django_assert_max_num_queries(16):
        text = _text(client.get(LIST))

    assert all(f"Search {number}" in text for number in range(6))
    assert text.count("Cases like") == 6


def test_list_hides_the_case_of_each_search_from_who_may_not_see_it(
    client, radiologist, colleague, asked, space, other_project, project
):
    hidden = make_case(space, [direction(0.2)], projects=[other_project], series_description="No")
    client.force_login(radiologist)
    _saved(client, asked, name="Open", project=project.slug)
    session = _saved(client, asked, name="Closed", project=project.slug)
    session.rounds.update(query={"series": hidden.series_instance_uid})
    client.force_login(colleague)

    lines = {line.session.name: line for line in client.get(LIST).context["lines"]}

    assert lines["Open"].case.series.series_uid == asked.series_instance_uid
    assert lines["Closed"].case is None
