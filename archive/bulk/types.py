"""What an act on many studies is, and what it is given at each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from django.utils.functional import _StrPromise

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

    Words = str | _StrPromise


@dataclass(frozen=True)
class Field:
    """What a person is asked before an act: a choice, a line of text, or yes or no.

    ``choices`` are pairs of a value and its words; without any there is nothing to choose.
    """

    name: str
    label: Words
    kind: str = "text"
    choices: Sequence[tuple[str, Words]] = ()
    help: Words = ""
    is_required: bool = True


@dataclass(frozen=True)
class Work:
    """One step: on whose behalf, how, on which study; ``keep`` says that the work goes on."""

    asker: Asker
    job: int
    options: Mapping[str, Any]
    keep: Callable[[], None]


@dataclass(frozen=True)
class Act:
    """Something to be done with each of many studies.

    ``step`` does it for one study with the rights that the asker has at that moment, and answers a
    few words; it may be done twice. What it raises as an `ArchiveError` is the study's failure.
    ``check`` is given what was asked, and answers the options that are kept with the job, or raises
    an `InvalidRequestError`. ``fields`` are what a person is asked. ``finish`` is called once all
    is done. ``recheck`` is asked of the studies in its file before that leaves. ``is_dangerous``
    acts want a recent sign-in; those ``is_for_collections`` are offered on collections, too.
    Those that are ``is_rare`` stand behind the others, in a menu; those that are not ``is_listed``
    are begun on pages of their own.
    """

    name: str
    label: Words
    icon: str
    is_for: Callable[[AnyUser], bool]
    step: Callable[[Work, str], str]
    check: Callable[[Asker, Mapping[str, str]], dict[str, Any]] = lambda _asker, _asked: {}
    fields: Callable[[AnyUser], Sequence[Field]] = lambda _user: ()
    finish: Callable[[Work], None] | None = None
    recheck: Callable[[Asker, Sequence[str]], None] | None = None
    hint: Words = ""
    verb: Words = ""
    is_dangerous: bool = False
    is_for_collections: bool = False
    is_rare: bool = False
    is_listed: bool = True


@dataclass(frozen=True)
class JobView:
    """A job as its owner sees it."""

    pk: int
    act: str
    label: Words
    icon: str
    state: str
    detail: str
    items: int
    done: int
    failed: int
    skipped: int
    error: str
    created_at: datetime
    finished_at: datetime | None
    is_open: bool
    is_cancel_requested: bool
    has_result: bool
    result_bytes: int
    result_until: datetime | None
    troubles: Sequence[tuple[str, str, str]] = field(default=())

    @property
    def percent(self) -> int:
        """How far it is, in whole percent."""
        ended = self.done + self.failed + self.skipped
        return 100 if not self.items else ended * 100 // self.items
