"""A quiz: pictures first, an answer, then the diagnosis and the reader's own verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext

from archive.audit import collections as audit
from archive.collections.errors import InvalidCollectionError, refuse_nul
from archive.collections.frames import case_frames
from archive.collections.rights import find_collection, may_edit, visible_items
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Collection, CollectionItem, QuizAnswer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.models import Instance
    from archive.models.querysets import AnyUser

MAX_ANSWER = 255


@dataclass(frozen=True)
class QuizCase:
    """A case as it is asked; what gives it away is empty until it is answered."""

    pk: int
    number: int
    modality: str
    body_part: str
    patient_sex: str
    patient_age: str
    frame_count: int
    answer: str = ""
    is_answered: bool = False
    is_right: bool | None = None
    title: str = ""
    note: str = ""
    diagnosis: str = ""
    study_uid: str = ""


@dataclass(frozen=True)
class QuizLine:
    """One case on the score page."""

    pk: int
    number: int
    is_answered: bool
    is_right: bool | None
    answer: str = ""
    diagnosis: str = ""


@dataclass(frozen=True)
class ReaderScore:
    """How one reader did; for those who may edit the quiz."""

    name: str
    answered: int
    right: int
    wrong: int
    lines: tuple[QuizLine, ...]


@dataclass(frozen=True)
class QuizPage:
    """A quiz as one reader stands in it."""

    collection_pk: int
    name: str
    description: str
    lines: tuple[QuizLine, ...]
    next_pk: int | None
    may_edit: bool
    readers: tuple[ReaderScore, ...] = ()

    @property
    def answered(self) -> int:
        """How many cases the reader answered."""
        return sum(line.is_answered for line in self.lines)

    @property
    def right(self) -> int:
        """How many they called right themselves."""
        return sum(line.is_right is True for line in self.lines)

    @property
    def wrong(self) -> int:
        """How many they called wrong themselves."""
        return sum(line.is_right is False for line in self.lines)


def quiz_page(user: AnyUser, pk: int) -> QuizPage:
    """Return where a reader stands, and for editors how everybody did."""
    quiz, items = _quiz(user, pk)
    own = _answers(items).get(user.pk or 0, {})
    lines = _lines(items, own, shows_all=False)
    is_editor = may_edit(user, quiz)
    return QuizPage(
        collection_pk=quiz.pk,
        name=quiz.name,
        description=quiz.description,
        lines=lines,
        next_pk=next((line.pk for line in lines if not line.is_answered), None),
        may_edit=is_editor,
        readers=_readers(items) if is_editor else (),
    )


def quiz_case(user: AnyUser, pk: int, item_pk: int) -> QuizCase:
    """Return one case; its diagnosis, title and note come after the reader's answer."""
    item, number = _item(user, pk, item_pk)
    answer = QuizAnswer.objects.filter(item=item, user_id=user.pk or 0).first()
    frames = case_frames(item)
    shown = frames[0][0].series if frames else item.series
    asked = QuizCase(
        pk=item.pk,
        number=number,
        modality=shown.modality if shown else "",
        body_part=shown.body_part_examined if shown else "",
        patient_sex=item.study.patient.patient_sex,
        patient_age=item.study.patient_age,
        frame_count=len(frames),
    )
    return asked if answer is None else _revealed(asked, item, answer)


def quiz_picture(user: AnyUser, pk: int, item_pk: int, number: int) -> tuple[Instance, int]:
    """Return the image and frame behind a picture of a case, numbered from 1; 0 is the middle."""
    item, _ = _item(user, pk, item_pk)
    frames = case_frames(item)
    if number == 0:
        number = (len(frames) + 1) // 2
    if not 1 <= number <= len(frames):
        raise NotVisibleError("The case has no such picture.")
    return frames[number - 1]


@transaction.atomic
def answer_case(user: User, pk: int, item_pk: int, *, asker: Asker, answer: str) -> None:
    """Take a reader's answer, once: whoever has seen the diagnosis can't answer again."""
    item, _ = _item(user, pk, item_pk)
    text = answer.strip()
    refuse_nul(text, "answer")
    if not text or len(text) > MAX_ANSWER:
        message = f"An answer has between 1 and {MAX_ANSWER} characters."
        raise InvalidCollectionError(message, field="answer")
    _, is_new = QuizAnswer.objects.get_or_create(item=item, user=user, defaults={"answer": text})
    if is_new:
        _record(asker, "answer-quiz", item)


@transaction.atomic
def judge_answer(user: User, pk: int, item_pk: int, *, asker: Asker, is_right: bool) -> None:
    """Keep the reader's own verdict on their answer."""
    item, _ = _item(user, pk, item_pk)
    changed = QuizAnswer.objects.filter(item=item, user=user).update(is_right=is_right)
    if not changed:
        raise InvalidCollectionError(gettext("Answer the case first."), field="verdict")
    _record(asker, "judge-quiz", item)


@transaction.atomic
def restart_quiz(user: User, pk: int, *, asker: Asker) -> None:
    """Forget the reader's own answers."""
    _, items = _quiz(user, pk)
    QuizAnswer.objects.filter(item__in=items, user=user).delete()
    audit.record_collection_changed(asker, collection=pk, fields=["own-answers"])


def _quiz(user: AnyUser, pk: int) -> tuple[Collection, list[CollectionItem]]:
    """Return a quiz and the cases of it that can be asked: those with a diagnosis."""
    quiz = find_collection(user, pk)
    if quiz.kind != Collection.Kind.QUIZ:
        raise NotVisibleError("This collection is no quiz.")
    if not user.is_active:
        raise NotAllowedError(gettext("This account is switched off."))
    items = visible_items(user).filter(collection=quiz).exclude(diagnosis="")
    return quiz, list(items.order_by("position", "pk"))


def _item(user: AnyUser, pk: int, item_pk: int) -> tuple[CollectionItem, int]:
    _, items = _quiz(user, pk)
    for number, item in enumerate(items, start=1):
        if item.pk == item_pk:
            return item, number
    raise NotVisibleError("There is no such case in this quiz.")


def _revealed(asked: QuizCase, item: CollectionItem, answer: QuizAnswer) -> QuizCase:
    return QuizCase(
        **{
            **vars(asked),
            "answer": answer.answer,
            "is_answered": True,
            "is_right": answer.is_right,
            "title": item.title,
            "note": item.note,
            "diagnosis": item.diagnosis,
            "study_uid": item.study.study_instance_uid,
        }
    )


def _answers(items: list[CollectionItem]) -> dict[int, dict[int, QuizAnswer]]:
    """Return reader -> case -> answer."""
    found: dict[int, dict[int, QuizAnswer]] = {}
    rows = QuizAnswer.objects.filter(item__in=items).select_related("user").order_by("pk")
    for row in rows:
        found.setdefault(row.user_id, {})[row.item_id] = row
    return found


def _lines(
    items: list[CollectionItem], answers: dict[int, QuizAnswer], *, shows_all: bool
) -> tuple[QuizLine, ...]:
    lines = []
    for number, item in enumerate(items, start=1):
        answer = answers.get(item.pk)
        is_open = shows_all or answer is not None
        lines.append(
            QuizLine(
                pk=item.pk,
                number=number,
                is_answered=answer is not None,
                is_right=answer.is_right if answer else None,
                answer=answer.answer if answer else "",
                diagnosis=item.diagnosis if is_open else "",
            )
        )
    return tuple(lines)


def _readers(items: list[CollectionItem]) -> tuple[ReaderScore, ...]:
    scores = []
    for answers in _answers(items).values():
        user = next(iter(answers.values())).user
        lines = _lines(items, answers, shows_all=True)
        scores.append(
            ReaderScore(
                name=user.get_full_name() or user.get_username(),
                answered=len(answers),
                right=sum(line.is_right is True for line in lines),
                wrong=sum(line.is_right is False for line in lines),
                lines=lines,
            )
        )
    return tuple(sorted(scores, key=lambda score: (-score.right, score.name)))


def _record(asker: Asker, act: str, item: CollectionItem) -> None:
    audit.record_collection_items(
        asker,
        act,
        collection=item.collection_id,
        study_instance_uid=item.study.study_instance_uid,
        item=item.pk,
    )
