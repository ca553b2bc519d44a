"""What a person keeps of the study list: filters under names, and the columns they want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext

from archive.errors import InvalidRequestError, LimitExceededError, NotVisibleError
from archive.models import Account, SavedFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

MAX_FILTERS, MAX_NAME, MAX_QUERY = 50, 64, 2000
# Those that are always there are not named: the picture, the patient, the buttons.
COLUMNS = (
    "date",
    "modality",
    "description",
    "accession",
    "images",
    "status",
    "received",
    "referrer",
    "body",
    "birth",
)
USUAL_COLUMNS = ("date", "modality", "description", "accession", "images", "status")


@dataclass(frozen=True)
class KeptFilter:
    """A filter under a name."""

    pk: int
    name: str
    query: str
    is_default: bool
    is_followed: bool


@dataclass(frozen=True)
class FollowedFilter:
    """A filter, whose it is, and up to which study its owner was told."""

    pk: int
    user: User
    name: str
    query: str
    seen_up_to: int


def columns_of(user: User) -> tuple[str, ...]:
    """Return the columns that a person wants, in their order."""
    rows = Account.objects.filter(user_id=user.pk).values_list("worklist_columns", flat=True)
    chosen = [name for name in next(iter(rows), None) or () if name in COLUMNS]
    return tuple(dict.fromkeys(chosen)) or USUAL_COLUMNS


def choose_columns(user: User, names: Sequence[str]) -> tuple[str, ...]:
    """Keep which columns a person wants, in this order; none stands for the usual ones.

    Raises
    ------
    InvalidRequestError
        There is no such column.
    """
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise InvalidRequestError(gettext("There is no such column."), code="unknown-column")
    chosen = list(dict.fromkeys(names))
    Account.objects.update_or_create(user_id=user.pk, defaults={"worklist_columns": chosen})
    return tuple(chosen) or USUAL_COLUMNS


def kept_filters(user: User) -> list[KeptFilter]:
    """Return a person's filters in their order."""
    rows = SavedFilter.objects.filter(user_id=user.pk).order_by("position", "pk")
    columns = rows.values_list("pk", "name", "query", "is_default", "is_followed")
    return [KeptFilter(*row) for row in columns]


def keep_filter(user: User, *, name: str, query: str) -> int:
    """Keep a filter under a name; one of that name is replaced.

    Returns
    -------
    its key

    Raises
    ------
    InvalidRequestError
        The name is empty or too long, or the filter is.
    LimitExceededError
        There are too many already.
    """
    name = _checked_name(name)
    if len(query) > MAX_QUERY:
        raise InvalidRequestError(gettext("This filter is too long to be kept."))
    with transaction.atomic():
        mine = SavedFilter.objects.select_for_update().filter(user_id=user.pk)
        known = mine.filter(name=name).first()
        if known is None and len(mine) >= MAX_FILTERS:
            raise LimitExceededError(
                gettext("At most %(most)s filters are kept.") % {"most": MAX_FILTERS}
            )
        last = mine.aggregate(last=Max("position"))["last"] or 0
        row, _ = SavedFilter.objects.update_or_create(
            user_id=user.pk,
            name=name,
            defaults={"query": query},
            create_defaults={"query": query, "position": last + 1},
        )
    return int(row.pk)


def rename_filter(user: User, pk: int, *, name: str) -> None:
    """Give a filter another name.

    Raises
    ------
    NotVisibleError
        The person has no such filter.
    InvalidRequestError
        The name is empty, too long or taken.
    """
    name = _checked_name(name)
    try:
        with transaction.atomic():
            changed = _own(user, pk).update(name=name)
    except IntegrityError as error:
        raise InvalidRequestError(gettext("You have another filter of this name.")) from error
    _require(changed)


def drop_filter(user: User, pk: int) -> None:
    """Forget a filter; raise NotVisibleError where there is none."""
    deleted, _ = _own(user, pk).delete()
    _require(deleted)


def set_default_filter(user: User, pk: int, *, is_default: bool) -> None:
    """Begin with a filter, or with every study; raise NotVisibleError where there is none."""
    with transaction.atomic():
        mine = SavedFilter.objects.filter(user_id=user.pk)
        list(mine.select_for_update().values_list("pk", flat=True))
        _require(mine.filter(pk=pk).count())
        mine.filter(is_default=True).update(is_default=False)
        mine.filter(pk=pk).update(is_default=is_default)


def follow_filter(user: User, pk: int, *, is_followed: bool, seen_up_to: int) -> None:
    """Be told of studies that arrive and match, or no more."""
    _require(_own(user, pk).update(is_followed=is_followed, seen_up_to=seen_up_to))


def followed_filters() -> list[FollowedFilter]:
    """Return the filters of all people who want to be told of what arrives."""
    rows = SavedFilter.objects.filter(is_followed=True, user__is_active=True)
    return [
        FollowedFilter(row.pk, row.user, row.name, row.query, row.seen_up_to)
        for row in rows.select_related("user").order_by("pk")
    ]


def note_seen(pk: int, up_to: int) -> None:
    """Put down how far was looked for a filter; it never goes back."""
    SavedFilter.objects.filter(pk=pk, seen_up_to__lt=up_to).update(seen_up_to=up_to)


def _own(user: User, pk: int) -> QuerySet[SavedFilter]:
    return SavedFilter.objects.filter(user_id=user.pk, pk=pk)


def _require(number: int) -> None:
    if not number:
        raise NotVisibleError("There is no such filter.")


def _checked_name(name: str) -> str:
    name = " ".join("".join(char for char in name if char.isprintable()).split())
    if not name or len(name) > MAX_NAME:
        raise InvalidRequestError(
            gettext("A filter's name has 1 to %(most)s characters.") % {"most": MAX_NAME}
        )
    return name
