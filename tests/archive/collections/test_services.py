"""Collections made, named, shared and deleted; each act with its record."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.collections.errors import InvalidCollectionError, NameTakenError
from archive.collections.selectors import (
    collection_detail,
    collections_to_add_to,
    count_collections,
    list_collections,
    projects_to_share_in,
)
from archive.collections.services import (
    change_collection,
    create_collection,
    delete_collection,
    share_collection,
)
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import AuditEvent, Collection, Project, Study

pytestmark = pytest.mark.django_db


def _acts():
    return list(AuditEvent.objects.order_by("pk").values_list("act", flat=True))


def test_new_collection_is_its_owners_alone(radiologist, colleague, outsider, collection):
    assert [one.name for one in list_collections(radiologist)] == ["Nodules"]
    assert list_collections(colleague) == list_collections(outsider) == ()
    assert count_collections(radiologist) == 1
    assert _acts() == ["create-collection"]
    assert AuditEvent.objects.get().details == {"collection": collection}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "ok", "kind": "album"}, "kind"),
        ({"name": "ok", "description": "x" * 4001}, "description"),
    ],
)
def test_bad_field_is_named(radiologist, asker, fields, field):
    with pytest.raises(InvalidCollectionError) as caught:
        create_collection(radiologist, asker=asker, **fields)

    assert caught.value.field == field
    assert not Collection.objects.exists()
    assert _acts() == []


def test_names_are_unique_for_an_owner_only(radiologist, outsider, asker, collection):
    with pytest.raises(NameTakenError):
        create_collection(radiologist, asker=asker, name="Nodules")
    other = Asker(door="tests", user=outsider)

    assert create_collection(outsider, asker=other, name="Nodules")
    assert Collection.objects.count() == 2


def test_owner_renames_describes_and_changes_the_kind(radiologist, asker, collection):
    change_collection(
        radiologist, collection, asker=asker, name="Round things", description="d", kind="quiz"
    )
    change_collection(radiologist, collection, asker=asker, name="Round things")

    row = Collection.objects.get()
    assert (row.name, row.description, row.kind) == ("Round things", "d", "quiz")
    assert _acts() == ["create-collection", "change-collection"]
    details = AuditEvent.objects.latest("pk").details
    assert details == {"collection": collection, "fields": ["description", "kind", "name"]}


def test_shared_collection_is_seen_by_members_of_the_project(
    radiologist, colleague, outsider, asker, collection, project
):
    share_collection(radiologist, collection, asker=asker, project=project.slug)

    assert [one.name for one in list_collections(colleague)] == ["Nodules"]
    assert list_collections(outsider) == ()
    event = AuditEvent.objects.get(act="share-collection")
    assert (event.event_id, event.details["project"]) == ("110113", project.pk)

    share_collection(radiologist, collection, asker=asker, project="")
    assert list_collections(colleague) == ()


def test_sharing_needs_a_project_that_the_owner_reads(
    radiologist, asker, collection, other_project, unassigned
):
    for slug in (other_project.slug, unassigned.slug, "nowhere"):
        with pytest.raises(InvalidCollectionError) as caught:
            share_collection(radiologist, collection, asker=asker, project=slug)
        assert caught.value.field == "project"
    assert projects_to_share_in(radiologist) == (("chest-clinic", "Chest clinic"),)


def test_only_the_owner_renames_shares_and_deletes(
    radiologist, colleague, archive_admin, asker, collection, project
):
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    for other in (colleague, archive_admin):
        for act in (
            lambda user: change_collection(user, collection, asker=asker, name="Mine"),
            lambda user: change_collection(user, collection, asker=asker, kind="quiz"),
            lambda user: share_collection(user, collection, asker=asker, project=""),
            lambda user: delete_collection(user, collection, asker=asker),
        ):
            with pytest.raises(NotAllowedError):
                act(other)
    assert Collection.objects.get().name == "Nodules"


def test_outsider_meets_the_same_error_as_for_nothing(outsider, asker, collection):
    for key in (collection, 999_999):
        for act in (
            lambda key: collection_detail(outsider, key),
            lambda key: change_collection(outsider, key, asker=asker, name="x"),
            lambda key: delete_collection(outsider, key, asker=asker),
        ):
            with pytest.raises(NotVisibleError, match="There is no such collection"):
                act(key)


@pytest.mark.parametrize(
    ("role", "may_edit", "may_edit_quiz"),
    [
        ("viewer", False, False),
        ("clinician", True, False),
        ("annotator", True, False),
        ("radiology_admin", True, True),
    ],
)
def test_who_edits_a_shared_collection_and_a_quiz(
    radiologist, colleague, asker, collection, quiz, project, as_role, role, may_edit, may_edit_quiz
):
    for key in (collection, quiz):
        share_collection(radiologist, key, asker=asker, project=project.slug)
    as_role(colleague, role)

    found = {one.pk: one for one in list_collections(colleague)}

    assert (found[collection].may_edit, found[quiz].may_edit) == (may_edit, may_edit_quiz)
    assert found[quiz].hides_answers is not may_edit_quiz
    keys = [key for key, _ in collections_to_add_to(colleague)]
    assert sorted(keys) == sorted(
        key for key, may in ((collection, may_edit), (quiz, may_edit_quiz)) if may
    )


# A collection of cases with identities may be named after a patient.
@pytest.mark.parametrize("role", ["auditor", "researcher"])
def test_some_see_no_collection_of_others(
    radiologist, colleague, asker, collection, filled, quiz, project, as_role, role
):
    for key in (collection, quiz):
        share_collection(radiologist, key, asker=asker, project=project.slug)
    as_role(colleague, role)

    assert list_collections(colleague) == ()
    Study.objects.exclude(pk=Study.objects.first().pk).update(is_deidentified=True)
    assert list_collections(colleague) == ()


def test_researcher_sees_collections_in_which_nobody_has_an_identity(
    radiologist, colleague, asker, collection, filled, quiz, project, as_role
):
    for key in (collection, quiz):
        share_collection(radiologist, key, asker=asker, project=project.slug)
    as_role(colleague, "researcher")
    Study.objects.update(is_deidentified=True)
    (seen,) = list_collections(colleague)
    assert (seen.pk, seen.item_count, seen.may_edit) == (collection, 3, False)

    Project.objects.update(is_deidentified=True)
    assert {one.pk for one in list_collections(colleague)} == {collection, quiz}


def test_researcher_of_a_project_without_identity_sees_no_collection_of_cases_with_one(
    radiologist, colleague, asker, collection, filled, quiz, project, as_role
):
    for key in (collection, quiz):
        share_collection(radiologist, key, asker=asker, project=project.slug)
    as_role(colleague, "researcher")
    Project.objects.update(is_deidentified=True)

    assert [one.pk for one in list_collections(colleague)] == [quiz]
    Study.objects.exclude(pk=Study.objects.first().pk).update(is_deidentified=True)
    assert [one.pk for one in list_collections(colleague)] == [quiz]
    Study.objects.update(is_deidentified=True)
    assert {one.pk for one in list_collections(colleague)} == {collection, quiz}


def test_account_that_is_switched_off_sees_nothing(radiologist, collection):
    radiologist.is_active = False

    assert list_collections(radiologist) == ()


def test_deleting_leaves_the_studies(radiologist, asker, collection, filled):
    delete_collection(radiologist, collection, asker=asker)

    assert not Collection.objects.exists()
    assert Study.objects.count() == 3
    assert _acts()[-1] == "delete-collection"


def test_what_fails_leaves_no_record(radiologist, asker, collection, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr("archive.collections.services.audit.record_collection_deleted", broken)
    with pytest.raises(RuntimeError):
        delete_collection(radiologist, collection, asker=asker)

    assert Collection.objects.filter(pk=collection).exists()


def test_project_that_goes_leaves_the_collection_to_its_owner(
    radiologist, colleague, asker, collection
):
    passing = Project.objects.create(name="Passing", slug="passing")
    from archive.models import Membership

    for user in (radiologist, colleague):
        Membership.objects.create(user=user, project=passing, role="viewer")
    share_collection(radiologist, collection, asker=asker, project="passing")
    passing.delete()

    assert [one.project_name for one in list_collections(radiologist)] == [""]
    assert list_collections(colleague) == ()
