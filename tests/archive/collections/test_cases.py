"""Cases added, described, ordered and taken out, inside the rights of who does it."""

from __future__ import annotations

import pytest

from archive.collections import cases as cases_room
from archive.collections.cases import (
    add_case,
    add_cases,
    describe_case,
    order_cases,
    remove_case,
)
from archive.collections.errors import InvalidCollectionError
from archive.collections.frames import case_images
from archive.collections.rights import visible_items
from archive.collections.selectors import case_card, collection_detail, list_collections
from archive.collections.services import share_collection
from archive.collections.types import CaseLevel, CasePath
from archive.errors import LimitExceededError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent, CollectionItem, Instance, Membership, Series, Study
from tests.factories.archive import InstanceFactory, SeriesFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("level", list(CaseLevel))
def test_each_level_can_be_added(radiologist, asker, collection, make_case, level):
    whole = make_case(frames=4)
    path = {
        CaseLevel.STUDY: CasePath(study_uid=whole.study_uid),
        CaseLevel.SERIES: CasePath(series_uid=whole.series_uid),
        CaseLevel.INSTANCE: CasePath(instance_uid=whole.instance_uid),
        CaseLevel.FRAME: CasePath(instance_uid=whole.instance_uid, frame=4),
    }[level]

    key, is_new = add_case(radiologist, collection, path, asker=asker)

    card = case_card(radiologist, collection, key)
    assert is_new
    assert (card.level, card.study_uid) == (level, whole.study_uid)
    assert card.picture.series_uid == whole.series_uid
    event = AuditEvent.objects.get(act="add-to-collection")
    assert event.study_instance_uid == whole.study_uid
    assert event.details == {"collection": collection, "item": key}


def test_same_case_again_is_the_same_item(radiologist, asker, collection, make_case):
    path = make_case()
    first = add_case(radiologist, collection, path, asker=asker)

    assert add_case(radiologist, collection, path, asker=asker) == (first[0], False)
    assert AuditEvent.objects.filter(act="add-to-collection").count() == 1


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"study_uid": "", "series_uid": "", "instance_uid": ""}, InvalidCollectionError, "study"),
        ({"frame": 5}, InvalidCollectionError, "frame"),
        ({"frame": 0}, InvalidCollectionError, "frame"),
        ({"instance_uid": "", "frame": 1}, InvalidCollectionError, "frame"),
        ({"instance_uid": "1.2.3.4"}, NotVisibleError, ""),
        ({"study_uid": "1.2.3.4"}, NotVisibleError, ""),
        ({"study_uid": "no uid"}, NotVisibleError, ""),
    ],
)
def test_object_that_is_none_is_refused(
    radiologist, asker, collection, make_case, change, error, field
):
    path = CasePath(**{**vars(make_case(frames=4)), **change})

    with pytest.raises(error) as caught:
        add_case(radiologist, collection, path, asker=asker)

    assert getattr(caught.value, "field", "") == field
    assert not CollectionItem.objects.exists()


def test_what_one_may_not_see_one_may_not_add(
    radiologist, asker, collection, make_case, other_project
):
    hidden = make_case(other_project)

    for path in (
        hidden,
        CasePath(study_uid=hidden.study_uid),
        CasePath(series_uid=hidden.series_uid),
    ):
        with pytest.raises(NotVisibleError):
            add_case(radiologist, collection, path, asker=asker)


def test_several_are_added_all_or_none(radiologist, asker, collection, make_case):
    good = [make_case(), make_case()]

    with pytest.raises(NotVisibleError):
        add_cases(radiologist, collection, [*good, CasePath(study_uid="1.2.3")], asker=asker)
    assert not CollectionItem.objects.exists()
    assert add_cases(radiologist, collection, good, asker=asker) == 2


def test_hidden_cases_are_counted_nowhere(
    radiologist, colleague, asker, collection, make_case, project, other_project, as_role
):
    Membership.objects.create(user=radiologist, project=other_project, role="clinician")
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    seen = [make_case(), make_case()]
    paths = [make_case(other_project), seen[0], make_case(other_project), seen[1]]
    keys = [add_case(radiologist, collection, path, asker=asker)[0] for path in paths]

    (summary,) = list_collections(colleague)
    detail = collection_detail(colleague, collection)

    assert summary.item_count == 2
    assert [cover.study_uid for cover in summary.covers] == [path.study_uid for path in seen]
    assert [(case.number, case.study_uid) for case in detail.cases] == [
        (1, seen[0].study_uid),
        (2, seen[1].study_uid),
    ]
    assert case_card(colleague, collection, keys[0]) is None
    as_role(colleague, "clinician")
    other = asker_of(colleague)
    for act in (
        lambda key: describe_case(colleague, collection, key, asker=other, note="x"),
        lambda key: remove_case(colleague, collection, key, asker=other),
    ):
        for key in (keys[0], 999_999):
            with pytest.raises(NotVisibleError, match="no such case"):
                act(key)


def asker_of(user):
    from archive.audit.types import Asker

    return Asker(door="tests", user=user)


def test_revoked_right_hides_a_case_at_once(radiologist, collection, filled):
    study = Study.objects.get(collection_items=filled[0])
    study.projects.clear()

    assert [case.pk for case in collection_detail(radiologist, collection).cases] == filled[1:]


def test_case_is_described(radiologist, asker, collection, filled):
    describe_case(
        radiologist, collection, filled[0], asker=asker, title=" A ", note="n", diagnosis="d"
    )
    describe_case(radiologist, collection, filled[0], asker=asker, note="m")

    card = case_card(radiologist, collection, filled[0])
    assert (card.title, card.note, card.diagnosis) == ("A", "m", "d")
    assert AuditEvent.objects.filter(act="describe-in-collection").count() == 2
    assert "d" not in AuditEvent.objects.latest("pk").details.values()


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ({"title": "x" * 129}, "title"),
        ({"diagnosis": "x" * 256}, "diagnosis"),
        ({"note": "x" * 8001}, "note"),
        ({"note": "\0"}, "note"),
    ],
)
def test_text_that_does_not_fit_is_named(radiologist, asker, collection, filled, texts, field):
    with pytest.raises(InvalidCollectionError) as caught:
        describe_case(radiologist, collection, filled[0], asker=asker, **texts)

    assert caught.value.field == field


def test_cases_are_put_in_order(radiologist, asker, collection, filled):
    wanted = [filled[2], filled[0], filled[1]]

    order_cases(radiologist, collection, wanted, asker=asker)

    assert [case.pk for case in collection_detail(radiologist, collection).cases] == wanted
    assert AuditEvent.objects.filter(act="order-collection").count() == 1


@pytest.mark.parametrize(
    "change", [lambda keys: keys[:2], lambda keys: [*keys, keys[0]], lambda keys: [*keys, 9]]
)
def test_order_must_name_each_case_once(radiologist, asker, collection, filled, change):
    with pytest.raises(InvalidCollectionError) as caught:
        order_cases(radiologist, collection, change(filled), asker=asker)

    assert caught.value.field == "items"


def test_ordering_leaves_hidden_cases_in_their_places(
    radiologist, colleague, asker, collection, make_case, project, other_project, as_role
):
    Membership.objects.create(user=radiologist, project=other_project, role="clinician")
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    a, hidden, b = [
        add_case(radiologist, collection, path, asker=asker)[0]
        for path in (make_case(), make_case(other_project), make_case())
    ]
    as_role(colleague, "annotator")

    order_cases(colleague, collection, [b, a], asker=asker_of(colleague))

    assert [case.pk for case in collection_detail(radiologist, collection).cases] == [b, hidden, a]


def test_case_is_taken_out(radiologist, asker, collection, filled):
    remove_case(radiologist, collection, filled[1], asker=asker)

    assert [case.pk for case in collection_detail(radiologist, collection).cases] == [
        filled[0],
        filled[2],
    ]
    assert AuditEvent.objects.filter(act="remove-from-collection").count() == 1


def test_viewer_may_look_and_no_more(
    radiologist, colleague, asker, collection, filled, project, make_case
):
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    other = asker_of(colleague)

    assert len(collection_detail(colleague, collection).cases) == 3
    for act in (
        lambda: add_case(colleague, collection, make_case(), asker=other),
        lambda: describe_case(colleague, collection, filled[0], asker=other, note="x"),
        lambda: order_cases(colleague, collection, filled[::-1], asker=other),
        lambda: remove_case(colleague, collection, filled[0], asker=other),
    ):
        with pytest.raises(NotAllowedError):
            act()


def test_collection_has_a_size(radiologist, asker, collection, filled, make_case, monkeypatch):
    monkeypatch.setattr(cases_room, "MAX_ITEMS", 3)

    with pytest.raises(LimitExceededError):
        add_case(radiologist, collection, make_case(), asker=asker)


@pytest.fixture
def with_results(make_case):
    """A study whose first series is a model's picture on trial; returns its path and that one."""
    path = make_case()
    study = Study.objects.get(study_instance_uid=path.study_uid)
    trial = SeriesFactory(study=study, modality="OT", series_number=0, withheld="trial")
    InstanceFactory(series=trial)
    return path, trial


def test_withheld_series_is_no_picture_of_a_study(radiologist, collection, with_results, asker):
    path, _ = with_results
    key, _ = add_case(radiologist, collection, CasePath(study_uid=path.study_uid), asker=asker)

    (card,) = collection_detail(radiologist, collection).cases

    assert card.picture.series_uid == path.series_uid
    shown = case_images(CollectionItem.objects.get(pk=key))
    assert [image.sop_instance_uid for image in shown] == [path.instance_uid]


def test_heat_map_kept_as_a_picture_gives_nothing_away(radiologist, collection, make_case, asker):
    path = make_case()
    study = Study.objects.get(study_instance_uid=path.study_uid)
    painted = SeriesFactory(study=study, modality="OT", manufacturer="Twinsight", series_number=0)
    InstanceFactory(series=painted)
    key, _ = add_case(radiologist, collection, CasePath(study_uid=path.study_uid), asker=asker)

    (card,) = collection_detail(radiologist, collection).cases

    assert card.picture.series_uid == path.series_uid
    shown = case_images(CollectionItem.objects.get(pk=key))
    assert [image.sop_instance_uid for image in shown] == [path.instance_uid]


def test_map_that_a_model_drew_is_no_picture_of_a_study(radiologist, collection, make_case, asker):
    path = make_case()
    study = Study.objects.get(study_instance_uid=path.study_uid)
    drawn = SeriesFactory(study=study, modality="CT", series_number=9)
    InstanceFactory(series=drawn, sop_class_uid="1.2.840.10008.5.1.4.1.1.30")
    key, _ = add_case(radiologist, collection, CasePath(study_uid=path.study_uid), asker=asker)

    shown = case_images(CollectionItem.objects.get(pk=key))

    assert [image.sop_instance_uid for image in shown] == [path.instance_uid]


def test_case_on_trial_is_for_reviewers_alone(
    radiologist, colleague, collection, with_results, asker, project, as_role
):
    path, trial = with_results
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    add_case(radiologist, collection, CasePath(study_uid=path.study_uid), asker=asker)
    add_case(radiologist, collection, CasePath(series_uid=trial.series_instance_uid), asker=asker)
    viewer = as_role(colleague, "viewer")

    assert len(collection_detail(radiologist, collection).cases) == 2
    assert [case.level for case in collection_detail(viewer, collection).cases] == ["study"]


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_what_was_deleted_is_no_case_until_that_is_undone(
    radiologist, asker, collection, make_case, level
):
    path = make_case()
    add_case(radiologist, collection, path, asker=asker)
    models = {"study": Study, "series": Series, "instance": Instance}
    assert visible_items(radiologist).count() == 1

    models[level].objects.update(withheld="deleted")

    assert not visible_items(radiologist).exists()

    models[level].objects.update(withheld="")
    assert visible_items(radiologist).count() == 1
