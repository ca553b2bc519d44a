"""Conditions of a WHERE clause: SQL of our own making, values as parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Condition(NamedTuple):
    """A condition; ``is_exact`` where it compares with given values, whatever their number.

    A statement of exact conditions alone is planned once and kept, for its plan is the same
    whatever the values are.
    """

    sql: str
    params: tuple[Any, ...] = ()
    is_exact: bool = False


NOTHING = Condition("false", (), is_exact=True)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Join conditions of which one must hold.

    Parameters
    ----------
    conditions
        at least one
    """
    return _joined(" OR ", list(conditions))


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Join conditions that must all hold.

    Parameters
    ----------
    conditions
        at least one
    """
    return _joined(" AND ", list(conditions))


def _joined(word: str, conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    return Condition(
        f"({word.join(condition.sql for condition in conditions)})",
        tuple(param for condition in conditions for param in condition.params),
        is_exact=all(condition.is_exact for condition in conditions),
    )
