"""Pages of collections and quizzes: what they show, do, and keep to themselves."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from django.urls import reverse

from archive.audit.types import Asker
from archive.collections.cases import add_case, describe_case
from archive.collections.selectors import collection_detail
from archive.collections.services import create_collection, share_collection
from archive.collections.types import CasePath
from archive.models import AuditEvent, Collection, CollectionItem, QuizAnswer
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
SECRET = "Echinococcosis"


@pytest.fixture
def instance(project):
    # A slice as a scanner makes it, of no head: nothing in its pixels has to be cleaned.
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "CHEST"}
    (stored,) = store_datasets(make_dataset(NumberOfFrames=3, **plain), project=project)
    return stored


@pytest.fixture
def path(instance):
    series = instance.series
    return CasePath(
        series.study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid
    )


def _filled(user, path, kind):
    asker = Asker(door="tests", user=user)
    pk = create_collection(user, asker=asker, name=f"A {kind}", kind=kind)
    item, _ = add_case(user, pk, CasePath(series_uid=path.series_uid), asker=asker)
    describe_case(
        user, pk, item, asker=asker, title="Cyst", note=f"{SECRET}, they said", diagnosis=SECRET
    )
    return pk, item


@pytest.fixture
def teaching(radiologist, path):
    return _filled(radiologist, path, "teaching")


@pytest.fixture
def quiz(radiologist, path, project):
    pk, item = _filled(radiologist, path, "quiz")
    share_collection(
        radiologist, pk, asker=Asker(door="tests", user=radiologist), project=project.slug
    )
    return pk, item


def _url(name, *args):
    return reverse(f"portal:{name}", args=args)


def _text(response):
    return response.content.decode()


def _pages(pk, item):
    return {
        "detail": _url("collection-detail", pk),
        "case": _url("collection-case", pk, item),
        "edit": _url("collection-case", pk, item) + "?edit=1",
        "export": _url("collection-export", pk),
    }


def test_empty_list_says_how_to_begin(client, radiologist):
    client.force_login(radiologist)

    assert "Nothing collected yet" in _text(client.get("/collections/"))


def test_list_has_own_and_shared(client, radiologist, colleague, teaching, quiz):
    client.force_login(radiologist)
    assert "Yours" in _text(client.get("/collections/"))

    client.force_login(colleague)
    text = _text(client.get("/collections/"))
    assert "Shared with you" in text
    assert "A quiz" in text
    assert "A teaching" not in text


def test_new_collection_is_made_and_shown(client, radiologist):
    client.force_login(radiologist)

    answer = client.post("/collections/", {"name": "Cysts", "kind": "quiz", "description": "d"})

    made = Collection.objects.get()
    assert answer["Location"] == _url("collection-detail", made.pk)
    assert (made.owner, made.kind) == (radiologist, "quiz")
    assert "No cases in it yet" in _text(client.get(answer["Location"]))


def test_bad_name_is_said(client, radiologist):
    client.force_login(radiologist)

    answer = client.post("/collections/", {"name": "", "kind": "quiz"})

    assert answer.status_code == 422
    assert "blank" in _text(answer)
    assert not Collection.objects.exists()


@pytest.mark.parametrize("page", ["detail", "case", "edit", "export"])
def test_pages_are_shown_without_inline_script_or_style(client, radiologist, teaching, page):
    client.force_login(radiologist)

    answer = client.get(_pages(*teaching)[page])

    assert answer.status_code == 200
    text = _text(answer)
    assert " style=" not in text
    assert not re.search(r"\son(click|load|error|submit)=", text)
    assert not re.search(r"<script(?![^>]*src=)", text)
    assert "Cyst" in text


def test_outsider_meets_what_is_absent(client, outsider, teaching, quiz):
    client.force_login(outsider)
    pk, item = quiz
    for name, more in (
        ("collection-detail", ()),
        ("collection-export", ()),
        ("collection-case", (item,)),
        ("quiz", ()),
        ("quiz-case", (item,)),
        ("quiz-picture", (item, 1)),
    ):
        answers = [client.get(_url(name, key, *more)) for key in (pk, 999_999)]
        assert [answer.status_code for answer in answers] == [404, 404]
        masked = [re.sub(r"csrf[^>]*|X-CSRFToken[^}]*", "", _text(one)) for one in answers]
        assert masked[0] == masked[1]
    for name, more in (
        ("collection-delete", ()),
        ("collection-order", ()),
        ("collection-download", ()),
        ("collection-case-remove", (item,)),
        ("quiz-restart", ()),
        ("quiz-verdict", (item,)),
    ):
        data = {"dates": "remove", "items": [item], "verdict": "right"}
        assert client.post(_url(name, pk, *more), data).status_code == 404
    assert CollectionItem.objects.count() == 2


def test_stranger_is_sent_to_sign_in(client, teaching, quiz):
    pk, item = quiz
    for name, more in (
        ("collection-list", None),
        ("collection-add", None),
        ("collection-detail", ()),
        ("collection-delete", ()),
        ("collection-order", ()),
        ("collection-export", ()),
        ("collection-download", ()),
        ("collection-case", (item,)),
        ("collection-case-remove", (item,)),
        ("quiz", ()),
        ("quiz-restart", ()),
        ("quiz-case", (item,)),
        ("quiz-verdict", (item,)),
        ("quiz-picture", (item, 1)),
    ):
        url = _url(name) if more is None else _url(name, pk, *more)
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/login/"), name


def test_viewer_of_a_shared_collection_may_not_change_it(
    client, radiologist, colleague, teaching, project
):
    pk, item = teaching
    asker = Asker(door="tests", user=radiologist)
    share_collection(radiologist, pk, asker=asker, project=project.slug)
    client.force_login(colleague)

    assert client.get(_url("collection-detail", pk)).status_code == 200
    assert "Take out" not in _text(client.get(_url("collection-detail", pk)))
    for name, more, data in (
        ("collection-detail", (), {"name": "Mine"}),
        ("collection-delete", (), {}),
        ("collection-order", (), {"items": [item]}),
        ("collection-case", (item,), {"title": "x"}),
        ("collection-case-remove", (item,), {}),
        ("collection-download", (), {"dates": "remove"}),
    ):
        assert client.post(_url(name, pk, *more), data).status_code == 403, name


def test_changes_are_kept(client, radiologist, teaching, project):
    pk, item = teaching
    client.force_login(radiologist)

    client.post(
        _url("collection-detail", pk),
        {"name": "Renamed", "kind": "cohort", "description": "x", "project": project.slug},
    )
    client.post(_url("collection-case", pk, item), {"title": "New", "note": "", "diagnosis": ""})

    row = Collection.objects.get()
    assert (row.name, row.kind, row.project) == ("Renamed", "cohort", project)
    assert CollectionItem.objects.get().title == "New"


def test_description_form_of_an_editor_leaves_name_and_share_alone(
    client, radiologist, colleague, teaching, project
):
    from archive.models import Membership

    pk, _ = teaching
    asker = Asker(door="tests", user=radiologist)
    share_collection(radiologist, pk, asker=asker, project=project.slug)
    Membership.objects.create(user=colleague, project=project, role="annotator")
    client.force_login(colleague)

    answer = client.post(_url("collection-detail", pk), {"description": "Annotated"})

    assert answer.status_code == 302
    row = Collection.objects.get()
    assert (row.name, row.description, row.project) == ("A teaching", "Annotated", project)


def test_htmx_gets_the_card_the_form_and_the_grid(client, radiologist, teaching):
    pk, item = teaching
    client.force_login(radiologist)
    htmx = {"headers": {"HX-Request": "true"}}

    card = _text(client.post(_url("collection-case", pk, item), {"title": "T"}, **htmx))
    grid = _text(client.post(_url("collection-order", pk), {"items": [item]}, **htmx))
    empty = _text(client.post(_url("collection-case-remove", pk, item), **htmx))

    assert card.strip().startswith("<li")
    assert grid.strip().startswith("<ol")
    assert "No cases in it yet" in empty


@pytest.mark.parametrize("kind", ["study", "series", "instance"])
def test_object_is_collected_from_a_page(client, radiologist, path, teaching, kind):
    pk, _ = teaching
    client.force_login(radiologist)
    uid = getattr(path, f"{kind}_uid")
    htmx = {"headers": {"HX-Request": "true"}}

    asked = client.get("/collections/add/", {kind: uid}, **htmx)
    answer = client.post("/collections/add/", {kind: uid, "collection": pk}, **htmx)
    plain = client.post("/collections/add/", {kind: uid, "collection": pk})

    assert uid in _text(asked)
    assert "A teaching" in _text(asked)
    assert ("Already in" if kind == "series" else "Added to") in _text(answer)
    assert plain["Location"] == _url("collection-detail", pk)


def test_new_name_makes_a_collection_with_its_first_case(client, radiologist, path):
    client.force_login(radiologist)

    answer = client.post(
        "/collections/add/", {"instance": path.instance_uid, "frame": 2, "name": "Firsts"}
    )

    item = CollectionItem.objects.get()
    assert answer["Location"] == _url("collection-detail", item.collection_id)
    assert (item.frame, item.collection.name) == (2, "Firsts")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"series": "1.2.3.4", "name": "x"}, 404),
        ({"name": "x"}, 422),
        ({"series": "S"}, 422),
        ({"series": "S", "collection": 999_999}, 404),
        ({"instance": "I", "frame": 4, "name": "x"}, 422),
        ({"instance": "I", "frame": 0, "name": "x"}, 422),
    ],
)
def test_what_can_not_be_collected_makes_nothing(client, radiologist, path, data, status):
    client.force_login(radiologist)
    uids = {"S": path.series_uid, "I": path.instance_uid}
    sent = {name: uids.get(value, value) for name, value in data.items()}

    answer = client.post("/collections/add/", sent, headers={"HX-Request": "true"})

    assert answer.status_code == status
    assert not Collection.objects.exists()


def test_foreign_collection_takes_nothing(client, radiologist, outsider, path, teaching):
    client.force_login(outsider)

    answer = client.post(
        "/collections/add/", {"series": path.series_uid, "collection": teaching[0]}
    )

    assert answer.status_code == 404


def test_study_page_has_buttons_that_collect(client, radiologist, path):
    client.force_login(radiologist)

    text = _text(client.get(_url("study-detail", path.study_uid)))

    assert f"/collections/add/?study={path.study_uid}" in text
    assert f"/collections/add/?series={path.series_uid}" in text


def test_quiz_gives_nothing_away_in_any_answer_before_its_own(client, colleague, quiz, settings):
    pk, item = quiz
    client.force_login(colleague)
    before = [
        client.get(url)
        for url in (
            "/collections/",
            _url("collection-detail", pk),
            _url("collection-case", pk, item),
            _url("quiz", pk),
            _url("quiz-case", pk, item),
            f"/api/v1/collections/{pk}",
        )
    ]
    for answer in before:
        assert answer.status_code == 200
        assert SECRET not in _text(answer)
        assert "Cyst" not in _text(answer)
    assert client.get(_url("collection-export", pk)).status_code == 403
    assert client.post(_url("collection-download", pk), {"dates": "remove"}).status_code == 403

    after = client.post(_url("quiz-case", pk, item), {"answer": "a cyst?"}, follow=True)

    assert SECRET in _text(after)
    assert "a cyst?" in _text(after)


def test_quiz_page_names_neither_patient_nor_study(client, colleague, quiz, path):
    pk, item = quiz
    client.force_login(colleague)

    text = _text(client.get(_url("quiz-case", pk, item)))

    for word in ("Doe", "Jane", "TEST-1", "Thorax", "ACC-1", path.study_uid, path.series_uid):
        assert word not in text


def test_quiz_pictures_are_sent_to_who_may_see_them(client, colleague, quiz):
    pk, item = quiz
    client.force_login(colleague)

    picture = client.get(_url("quiz-picture", pk, item, 3))

    assert (picture.status_code, picture["Content-Type"]) == (200, "image/jpeg")
    assert picture.content[:3] == b"\xff\xd8\xff"
    assert client.get(_url("quiz-picture", pk, item, 4)).status_code == 404
    assert AuditEvent.objects.filter(act="rendered", actor=colleague).count() == 1


def test_verdict_and_score(client, radiologist, colleague, quiz):
    pk, item = quiz
    client.force_login(colleague)
    client.post(_url("quiz-case", pk, item), {"answer": "no idea"})
    done = client.post(_url("quiz-verdict", pk, item), {"verdict": "wrong"}, follow=True)
    assert "1 wrong" in _text(done)

    client.force_login(radiologist)
    text = _text(client.get(_url("quiz", pk)))
    assert "no idea" in text
    assert "colleague" in text

    client.force_login(colleague)
    client.post(_url("quiz-restart", pk))
    assert not QuizAnswer.objects.exists()


def test_export_is_a_zip_without_a_name(client, radiologist, teaching):
    pk, _item = teaching
    client.force_login(radiologist)

    answer = client.post(_url("collection-download", pk), {"dates": "remove"})

    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="a-teaching-teaching-file.zip"'
    content = b"".join(answer.streaming_content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        everything = b"".join(archive.read(name) for name in names)
    assert "case-001/dicom/image-0001.dcm" in names
    assert "case-001/picture-01.png" in names
    assert manifest["cases"][0]["diagnosis"] == SECRET
    for marker in (b"Doe", b"TEST-1", b"ACC-1", b"20240229"):
        assert marker not in everything


def test_collection_that_is_hidden_in_part_is_counted_as_seen(
    client, radiologist, teaching, other_project, path
):
    pk, _item = teaching
    CollectionItem.objects.get().study.projects.set([other_project])
    client.force_login(radiologist)

    assert collection_detail(radiologist, pk).cases == ()
    assert "No cases in it yet" in _text(client.get(_url("collection-detail", pk)))
    answer = client.post(_url("collection-download", pk), {"dates": "remove"})
    assert answer.status_code == 422
