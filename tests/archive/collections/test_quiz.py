"""A quiz gives nothing away before it is answered."""

from __future__ import annotations

import pytest

from archive.audit.types import Asker
from archive.collections.cases import add_case, describe_case
from archive.collections.errors import InvalidCollectionError
from archive.collections.quiz import (
    answer_case,
    judge_answer,
    quiz_case,
    quiz_page,
    quiz_picture,
    restart_quiz,
)
from archive.collections.selectors import collection_detail
from archive.collections.services import share_collection
from archive.errors import NotVisibleError
from archive.models import AuditEvent, QuizAnswer

pytestmark = pytest.mark.django_db
SECRET = "Sarcoidosis"


@pytest.fixture
def cases(radiologist, asker, quiz, make_case, project):
    keys = []
    for number in range(3):
        key, _ = add_case(radiologist, quiz, make_case(frames=5), asker=asker)
        describe_case(
            radiologist,
            quiz,
            key,
            asker=asker,
            title=f"{SECRET} title {number}",
            note=f"{SECRET} note",
            diagnosis=SECRET if number < 2 else "",
        )
        keys.append(key)
    share_collection(radiologist, quiz, asker=asker, project=project.slug)
    return keys


@pytest.fixture
def reader(colleague):
    return colleague, Asker(door="tests", user=colleague)


def test_nothing_is_given_away_before_the_answer(reader, quiz, cases):
    user, _ = reader

    asked = quiz_case(user, quiz, cases[0])

    assert SECRET not in str(vars(asked))
    assert (asked.frame_count, asked.modality, asked.study_uid) == (5, "CT", "")
    assert SECRET not in str(vars(quiz_page(user, quiz)))
    detail = collection_detail(user, quiz)
    assert all(case.is_masked for case in detail.cases)
    assert SECRET not in str(detail.cases)
    assert {case.study_uid for case in detail.cases} == {""}


def test_answer_reveals_this_case_alone(reader, quiz, cases):
    user, asker = reader

    answer_case(user, quiz, cases[0], asker=asker, answer=" a nodule ")

    revealed = quiz_case(user, quiz, cases[0])
    assert (revealed.answer, revealed.diagnosis, revealed.note) == (
        "a nodule",
        SECRET,
        f"{SECRET} note",
    )
    assert quiz_case(user, quiz, cases[1]).diagnosis == ""
    detail = collection_detail(user, quiz)
    assert [case.diagnosis for case in detail.cases] == [SECRET, "", ""]
    assert AuditEvent.objects.filter(act="answer-quiz").count() == 1


def test_case_without_a_diagnosis_is_not_asked(reader, quiz, cases):
    user, _ = reader

    page = quiz_page(user, quiz)

    assert [line.pk for line in page.lines] == cases[:2]
    with pytest.raises(NotVisibleError):
        quiz_case(user, quiz, cases[2])


def test_answer_is_given_once(reader, quiz, cases):
    user, asker = reader
    answer_case(user, quiz, cases[0], asker=asker, answer="first")
    answer_case(user, quiz, cases[0], asker=asker, answer="second, having seen it")

    assert quiz_case(user, quiz, cases[0]).answer == "first"


@pytest.mark.parametrize("answer", ["", "   ", "x" * 256, "a\0b"])
def test_answer_must_be_one(reader, quiz, cases, answer):
    user, asker = reader

    with pytest.raises(InvalidCollectionError) as caught:
        answer_case(user, quiz, cases[0], asker=asker, answer=answer)

    assert caught.value.field == "answer"
    assert not QuizAnswer.objects.exists()


def test_reader_judges_their_own_answer(reader, quiz, cases):
    user, asker = reader
    with pytest.raises(InvalidCollectionError):
        judge_answer(user, quiz, cases[0], asker=asker, is_right=True)
    answer_case(user, quiz, cases[0], asker=asker, answer="x")
    answer_case(user, quiz, cases[1], asker=asker, answer="y")

    judge_answer(user, quiz, cases[0], asker=asker, is_right=True)
    judge_answer(user, quiz, cases[1], asker=asker, is_right=False)

    page = quiz_page(user, quiz)
    assert (page.answered, page.right, page.wrong, page.next_pk) == (2, 1, 1, None)


def test_owner_sees_everybodys_answers_and_readers_only_their_own(
    radiologist, reader, archive_admin, quiz, cases
):
    user, asker = reader
    answer_case(user, quiz, cases[0], asker=asker, answer="mine")

    (score,) = quiz_page(radiologist, quiz).readers
    assert (score.name, score.answered) == ("colleague", 1)
    assert [line.answer for line in score.lines] == ["mine", ""]
    assert quiz_page(user, quiz).readers == ()
    assert len(quiz_page(archive_admin, quiz).readers) == 1


def test_reader_may_start_over(radiologist, reader, asker, quiz, cases):
    user, own = reader
    answer_case(user, quiz, cases[0], asker=own, answer="x")
    answer_case(radiologist, quiz, cases[0], asker=asker, answer="y")

    restart_quiz(user, quiz, asker=own)

    assert [answer.user for answer in QuizAnswer.objects.all()] == [radiologist]
    assert quiz_case(user, quiz, cases[0]).diagnosis == ""


def test_outsider_and_other_kinds_get_nothing(
    outsider, radiologist, quiz, cases, filled, collection
):
    for act in (
        lambda: quiz_page(outsider, quiz),
        lambda: quiz_case(outsider, quiz, cases[0]),
        lambda: quiz_picture(outsider, quiz, cases[0], 1),
        lambda: quiz_page(radiologist, collection),
        lambda: quiz_case(radiologist, quiz, filled[0]),
    ):
        with pytest.raises(NotVisibleError):
            act()


def test_pictures_are_numbered_through_the_case(reader, quiz, cases):
    user, _ = reader

    assert [quiz_picture(user, quiz, cases[0], number)[1] for number in (1, 5)] == [1, 5]
    assert quiz_picture(user, quiz, cases[0], 0)[1] == 3
    with pytest.raises(NotVisibleError):
        quiz_picture(user, quiz, cases[0], 6)


def test_case_that_a_reader_may_not_see_is_not_asked(reader, quiz, cases):
    from archive.models import Study

    user, _ = reader
    Study.objects.get(collection_items=cases[0]).projects.clear()

    assert [line.pk for line in quiz_page(user, quiz).lines] == [cases[1]]
